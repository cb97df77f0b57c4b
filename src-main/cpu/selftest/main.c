/* Runs each self-test and writes its name and digest. A program for Linux that needs nothing but write and exit. */
#include "selftest.h"

static u64 digest, state;

void mix(u64 value) {
  digest = (digest ^ value) * 0x9e3779b97f4a7c15u;
  digest ^= digest >> 29;
}

void mix_bytes(const void *from, size_t bytes) { for (const u8 *at = from; bytes-- > 0; at++) mix(*at); }

u64 next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

u64 next_odd(void) {
  u64 r = next_random(), power = 1ull << (r >> 8 & 63);
  switch (r & 7) {
    case 0: return power;
    case 1: return power - 1;
    case 2: return -power;
    case 3: return r >> 16 & 255;
    case 4: return -(r >> 16 & 255);
    case 5: return 0x8000000000000000u - (r >> 16 & 1);
    default: return r * 0xd1342543de82ef95u;
  }
}

static long call(long number, long a, long b, long c) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}

static const struct { const char *name; void (*run)(void); } tests[] = {
  { "integers", test_integers }, { "wide integers", test_wide_integers }, { "bits", test_bits }, { "memory", test_memory }, { "strings", test_strings },
  { "sorting", test_sorting }, { "hashes", test_hashes }, { "coding", test_coding }, { "puzzles", test_puzzles }, { "doubles", test_doubles },
  { "floats", test_floats }, { "conversions", test_conversions }, { "rounding", test_rounding }, { "functions", test_functions }, { "vector loops", test_vector_loops },
  { "vector bytes", test_vector_bytes }, { "intrinsics", test_intrinsics }, { "varargs", test_varargs }, { "calls", test_calls }, { "switches", test_switches },
  { "jumps", test_jumps }, { "atomics", test_atomics }, { "exclusives", test_exclusives },
};

__attribute__((used)) static void run_all(void) {
  for (size_t n = 0; n < COUNT(tests); n++) {
    char line[64];
    size_t at = 0;
    digest = 0x1234567;
    state = 0x9e3779b97f4a7c15u + n;
    tests[n].run();
    for (const char *c = tests[n].name; *c != 0; c++) line[at++] = *c;
    line[at++] = ' ';
    for (int shift = 60; shift >= 0; shift -= 4) line[at++] = "0123456789abcdef"[digest >> shift & 15];
    line[at++] = '\n';
    call(64, 1, (long)line, (long)at);
  }
  call(93, 0, 0, 0);
}

__asm__(".global _start\n_start:\n mov x29, #0\n mov x30, #0\n bl run_all\n brk #0\n");
