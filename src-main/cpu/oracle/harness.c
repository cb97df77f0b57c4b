/*
 * Runs instructions on a reference AArch64 and says what they did. Reads cases from standard input and writes an
 * outcome for each to standard output, in the forms of case.ts. Every case is entered by returning from a signal
 * handler, which sets all registers at once, and ends in a signal: a breakpoint, an undefined instruction or a fault.
 */
#define _GNU_SOURCE
#include <asm/sigcontext.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x200000ul
#define ENTRY (CODE + 0x800)
#define DATA 0x210000ul
#define DATA_BYTES 0x20000
#define BRK 0xd4200000u
#define PATCH 128

struct test { uint32_t words[4]; uint64_t x[31], sp; uint32_t nzcv, fpcr, fpsr, unused; uint64_t v[64]; };
struct outcome {
  uint32_t kind, first;
  uint64_t pc, x[31], sp;
  uint32_t nzcv, fpcr, fpsr, last;
  uint64_t v[64];
  uint8_t patch[PATCH];
  uint64_t address;
};

static struct test test;
static struct outcome outcomes[256];
static unsigned pending;
static uint8_t pristine[DATA_BYTES];

static void put(const void *from, size_t bytes) {
  for (const char *at = from; bytes > 0;) {
    ssize_t n = write(1, at, bytes);
    if (n <= 0) _exit(3);
    at += n;
    bytes -= n;
  }
}

static int get(void *to, size_t bytes) {
  for (char *at = to; bytes > 0;) {
    ssize_t n = read(0, at, bytes);
    if (n <= 0) return 0;
    at += n;
    bytes -= n;
  }
  return 1;
}

static struct fpsimd_context *vectors(ucontext_t *u) {
  struct _aarch64_ctx *c = (void *)u->uc_mcontext.__reserved;
  while (c->magic != FPSIMD_MAGIC) c = (void *)((char *)c + c->size);
  return (void *)c;
}

static void note_memory(struct outcome *o) {
  uint8_t *data = (void *)DATA;
  o->first = o->last = 0xffffffff;
  memset(o->patch, 0, PATCH);
  if (memcmp(data, pristine, DATA_BYTES) == 0) return;
  for (unsigned i = 0; i < DATA_BYTES; i++) {
    if (data[i] == pristine[i]) continue;
    if (o->first == 0xffffffff) o->first = i;
    o->last = i;
  }
  memcpy(o->patch, data + o->first, o->first + PATCH > DATA_BYTES ? DATA_BYTES - o->first : PATCH);
  memcpy(data, pristine, DATA_BYTES);
}

static void note(int signal, siginfo_t *info, ucontext_t *u) {
  struct outcome *o = &outcomes[pending++];
  struct fpsimd_context *f = vectors(u);
  o->kind = signal == SIGTRAP ? 1 : signal == SIGILL ? 2 : signal == SIGSEGV ? 3 : 4;
  o->address = signal == SIGSEGV ? (uint64_t)info->si_addr : 0;
  o->pc = u->uc_mcontext.pc;
  memcpy(o->x, u->uc_mcontext.regs, sizeof o->x);
  o->sp = u->uc_mcontext.sp;
  o->nzcv = u->uc_mcontext.pstate >> 28;
  o->fpcr = f->fpcr;
  o->fpsr = f->fpsr;
  memcpy(o->v, f->vregs, sizeof o->v);
  note_memory(o);
  if (pending == 256) { put(outcomes, sizeof outcomes); pending = 0; }
}

static void enter(ucontext_t *u) {
  struct fpsimd_context *f = vectors(u);
  memcpy((void *)ENTRY, test.words, sizeof test.words);
  __builtin___clear_cache((char *)ENTRY, (char *)ENTRY + sizeof test.words);
  u->uc_mcontext.pc = ENTRY;
  memcpy(u->uc_mcontext.regs, test.x, sizeof test.x);
  u->uc_mcontext.sp = test.sp;
  u->uc_mcontext.pstate = (uint64_t)test.nzcv << 28;
  f->fpcr = test.fpcr;
  f->fpsr = test.fpsr;
  memcpy(f->vregs, test.v, sizeof test.v);
}

static void handler(int signal, siginfo_t *info, void *context) {
  static int started;
  if (started) note(signal, info, context);
  started = 1;
  if (!get(&test, sizeof test)) { put(outcomes, pending * sizeof outcomes[0]); _exit(0); }
  enter(context);
}

int main(void) {
  static char stack[65536] __attribute__((aligned(16)));
  stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  int signals[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS };
  uint32_t *code = mmap((void *)CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  uint32_t *data = mmap((void *)DATA, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (code == MAP_FAILED || data == MAP_FAILED) return 2;
  for (unsigned i = 0; i < 1024; i++) code[i] = BRK;
  for (unsigned i = 0; i < DATA_BYTES / 4; i++) data[i] = i * 2654435761u;
  memcpy(pristine, data, DATA_BYTES);
  sigaltstack(&alternate, 0);
  for (unsigned i = 0; i < 4; i++) sigaction(signals[i], &action, 0);
  __builtin___clear_cache((char *)code, (char *)code + 4096);
  ((void (*)(void))CODE)();
  return 1;
}
