/* What goes through the kernel, and code that changes. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

uint64_t system_calls(void) {
  const long parent = syscall(SYS_getppid);
  uint64_t same = 0;
  for (int n = 0; n < 300000; n++) same += syscall(SYS_getppid) == parent;
  return same;
}

uint64_t fork_and_exec(void) {
  uint64_t sum = 0;
  for (int n = 0; n < 150; n++) {
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
      execl(program, program, "true", (char *)0);
      _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    sum = sum * 3 + (WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) + 1 : 1000);
  }
  return sum;
}

uint64_t page_faults(void) {
  enum { PAGE = 4096, BYTES = 16 << 20 };
  uint64_t sum = 0;
  for (int round = 0; round < 10; round++) {
    uint8_t *pages = mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) fail("mmap");
    madvise(pages, BYTES, MADV_NOHUGEPAGE);
    for (int at = 0; at < BYTES; at += PAGE) pages[at + ((at >> 12) & 4095)] += (uint8_t)(round + (at >> 12));
    for (int at = 0; at < BYTES; at += PAGE / 2) sum = sum * 5 + pages[at];
    if (munmap(pages, BYTES)) fail("munmap");
  }
  return sum;
}

#ifdef __aarch64__
/* Writes a function that returns a number, and calls it. */
static uint32_t write_and_call(uint32_t *code, uint32_t number) {
  code[0] = 0x52800000 | (number & 0xffff) << 5;    /* mov w0, #number */
  code[1] = 0x11000400 | (number & 7) << 10;        /* add w0, w0, #(1 | number & 7) */
  code[2] = 0xd65f03c0;                             /* ret */
  __builtin___clear_cache((char *)code, (char *)(code + 3));
  return ((uint32_t (*)(void))code)();
}
#else
static uint32_t write_and_call(uint32_t *code, uint32_t number) { (void)code; return (number & 0xffff) + (1 | (number & 7)); }
#endif

uint64_t self_modifying(void) {
  uint32_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) fail("mmap");
  uint64_t sum = 0;
  for (uint32_t n = 0; n < 60000; n++) sum = sum * 3 + write_and_call(code + 4 * (n & 15), n * 7);
  munmap(code, 4096);
  return sum;
}
