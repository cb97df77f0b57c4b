/* Busybox at work: in the guest Debian's, elsewhere the system's programs of the same names. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

/*
 * Runs a program of busybox with a file as its input. Its output goes to another file, or is hashed. The arguments begin
 * with the word busybox, which only busybox itself is given.
 */
static uint64_t run_program(char *const *args, const char *input, const char *output) {
  int ends[2];
  if (pipe(ends)) fail("pipe");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    const int from = open(input, O_RDONLY), to = output ? open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600) : ends[1];
    if (from < 0 || to < 0) fail("opening files for a program");
    dup2(from, STDIN_FILENO);
    dup2(to, STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execv("/bin/busybox", args);
    execvp(args[1], args + 1);
    fail(args[1]);
  }
  close(ends[1]);
  uint64_t hash = HASH_START;
  static uint8_t bytes[16384];
  for (ssize_t length; (length = read(ends[0], bytes, sizeof bytes)) > 0;) hash = hash_bytes(hash, bytes, (size_t)length);
  close(ends[0]);
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) fail(args[1]);
  return hash;
}

#define SHELL_LOOP(TURNS) \
    "i=0; sum=0; words=; " \
    "while [ $i -lt " TURNS " ]; do " \
    "  case $((i % 5)) in 0) sum=$((sum + i * 3));; 1|2) sum=$((sum ^ i));; *) [ $sum -gt 1000000 ] && sum=$((sum - 999999));; esac; " \
    "  [ $((i % 1000)) -eq 0 ] && words=\"$words $sum\"; " \
    "  i=$((i + 1)); " \
    "done; " \
    "twice() { echo $(($1 * 2)); }; " \
    "for word in $words; do echo \"${word%?}.$(twice $word)\"; done; echo $sum"

static uint64_t run_shell(char *script) {
  char *args[] = {"busybox", "sh", "-c", script, 0};
  return run_program(args, "/dev/null", 0);
}

uint64_t shell_loop(void) { return run_shell((char[]){SHELL_LOOP("8000")}); }
/* The same, once all of it has run. */
uint64_t long_shell_loop(void) { return run_shell((char[]){SHELL_LOOP("40000")}); }

#define DATA "/tmp/bench-data"
#define PACKED "/tmp/bench-data.gz"

/* Text-like: words of a small vocabulary, now and then a number. */
void make_gzip_data(void) {
  FILE *file = fopen(DATA, "w");
  if (!file) fail(DATA);
  uint64_t random = 31415926;
  char words[512][12];
  for (int n = 0; n < 512; n++) {
    const int length = 2 + (int)(next_random(&random) % 9);
    for (int at = 0; at < length; at++) words[n][at] = (char)('a' + next_random(&random) % 26);
    words[n][length] = 0;
  }
  for (int n = 0; n < 400000; n++) {
    const uint64_t r = next_random(&random);
    if (r % 16 == 0) fprintf(file, "%u\n", (unsigned)(r >> 40));
    else fprintf(file, "%s ", words[((r >> 8) & 511) * ((r >> 20) & 511) >> 9]);
  }
  if (fclose(file)) fail(DATA);
}

uint64_t compress(void) {
  static char *args[] = {"busybox", "gzip", "-c", 0};
  return run_program(args, DATA, PACKED);
}

uint64_t hash_of_decompressed(void) {
  static char *args[] = {"busybox", "gunzip", "-c", 0};
  const uint64_t hash = run_program(args, PACKED, 0);
  unlink(DATA);
  unlink(PACKED);
  return hash;
}
