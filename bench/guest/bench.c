/*
 * bench [WORKLOAD...]: runs the named workloads, or all. Before and after each it prints a line, whose arrival is what
 * the host times, and then the checksum. As a guest's init it says when all are done, waits for a line and turns the
 * machine off; as a plain program it ends.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>
#include "bench.h"

struct workload {
  const char *name;
  uint64_t (*run)(void);
  void (*prepare)(void);       /* not timed */
  uint64_t (*verify)(void);    /* not timed; gives the checksum instead of run */
};

static const struct workload workloads[] = {
  {"integer", integer_loop, 0, 0},
  {"chase", pointer_chase, 0, 0},
  {"copy", memory_copy, 0, 0},
  {"recursion", recursion, 0, 0},
  {"mix", mixed, 0, 0},
  {"indirect", indirect_calls, 0, 0},
  {"nbody", n_body, 0, 0},
  {"neon", vectors, 0, 0},
  {"sha256", sha256, 0, 0},
  {"syscall", system_calls, 0, 0},
  {"fork", fork_and_exec, 0, 0},
  {"faults", page_faults, 0, 0},
  {"selfmod", self_modifying, 0, 0},
  {"shell", shell_loop, 0, 0},
  {"shell-on", long_shell_loop, 0, 0},
  {"gzip", compress, make_gzip_data, hash_of_decompressed},
};
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

/* Only run when named: they need somebody at the other end. */
static const struct workload network[] = {
  {"tcp-out", tcp_send, connect_to_host, 0},
  {"tcp-in", tcp_receive, connect_to_host, 0},
  {"tcp-switch", tcp_send, connect_to_guest, 0},
  {"tcp-serve", tcp_serve, 0, 0},
};
enum { NETWORK = sizeof network / sizeof *network };

const char *program;

void fail(const char *what) {
  dprintf(STDERR_FILENO, "bench: %s failed: %m\n", what);
  _exit(1);
}

static void run(const struct workload *workload) {
  if (workload->prepare) workload->prepare();
  dprintf(STDOUT_FILENO, "begin %s\n", workload->name);
  uint64_t sum = workload->run();
  dprintf(STDOUT_FILENO, "end %s\n", workload->name);
  if (workload->verify) sum = workload->verify();
  dprintf(STDOUT_FILENO, "sum %s %016lx\n", workload->name, (unsigned long)sum);
}

static void run_named(const char *name) {
  for (const struct workload *w = workloads; w < workloads + WORKLOADS; w++)
    if (!strcmp(w->name, name)) return run(w);
  for (const struct workload *w = network; w < network + NETWORK; w++)
    if (!strcmp(w->name, name)) return run(w);
  dprintf(STDERR_FILENO, "bench: there is no workload %s\n", name);
  _exit(2);
}

int main(int count, char **args) {
  if (count == 2 && !strcmp(args[1], "true")) return 0;
  program = args[0];
  int is_init = getpid() == 1;
  if (is_init && mount("devtmpfs", "/dev", "devtmpfs", 0, 0)) fail("mounting /dev");
  if (count < 2) for (int n = 0; n < WORKLOADS; n++) run(&workloads[n]);
  else for (int n = 1; n < count; n++) run_named(args[n]);
  if (!is_init) return 0;
  char answer;
  dprintf(STDOUT_FILENO, "end ALL\n");
  if (read(STDIN_FILENO, &answer, 1) != 1) fail("reading the console");
  sync();
  reboot(RB_POWER_OFF);
  fail("turning the machine off");
}
