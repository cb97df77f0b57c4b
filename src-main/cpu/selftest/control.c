/* Control flow: variable arguments, calls by pointer, deep recursion, switches, computed goto, jumps out of functions. */
#include "selftest.h"

static NOINLINE double sum_of(const char *kinds, ...) {
  va_list list, again;
  double sum = 0;
  va_start(list, kinds);
  va_copy(again, list);
  for (const char *k = kinds; *k != 0; k++) {
    if (*k == 'i') sum += va_arg(list, int);
    else if (*k == 'l') sum -= (double)va_arg(list, i64);
    else if (*k == 'd') sum *= va_arg(list, double);
    else sum += (double)strlen(va_arg(list, const char *));
  }
  mix((u64)va_arg(again, int));
  va_end(again);
  va_end(list);
  return sum;
}

void test_varargs(void) {
  for (int n = 0; n < 800; n++) {
    int i = (int)next_odd();
    i64 l = (i64)next_odd();
    double d = (double)(i32)next_random() / 3;
    mix_double(sum_of("ildsidlsiiilllddd", i, l, d, "anchor", i ^ 1, d, l >> 1, "", n, 2, 3, l, l + 1 > l ? 1ll : 2ll, 4ll, 0.5, d, 1.25));
    mix_double(sum_of("idddddddddd", 1, d, d, 0.1, 0.2, 0.3, d, 1.5, 2.5, d, 0.125));
  }
}

struct big { u64 a[5]; };
struct pair { double x; float y; };
static NOINLINE struct big by_value(struct big v, int n) { v.a[n % 5] += (u64)n; return v; }
static NOINLINE struct pair with_floats(struct pair p, i32 a, float f) { return (struct pair){ p.x * a, p.y + f }; }
static NOINLINE i64 many(i8 a, i16 b, i32 c, i64 d, u8 e, u16 f, u32 g, u64 h, i8 i, i16 j, float k, i32 l, double m, u8 n) { return a + b * 2 + c * 3ll + d + e + f + g + (i64)h - i - j + (i64)k + l + (i64)m + n; }

static NOINLINE u64 add(u64 a, u64 b) { return a + b; }
static NOINLINE u64 times(u64 a, u64 b) { return a * b + 1; }
static NOINLINE u64 turn(u64 a, u64 b) { return a << (b & 63) | a >> (-b & 63); }
static NOINLINE u64 odd(u64 n);
static NOINLINE u64 even(u64 n) { return n == 0 ? 1 : odd(n - 1); }
static NOINLINE u64 odd(u64 n) { return n == 0 ? 0 : even(n - 1); }
static NOINLINE u64 fibonacci(u64 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
static NOINLINE u64 deep(u64 n) { return n == 0 ? 1 : turn(deep(n - 1), n) ^ n; }
static NOINLINE void hanoi(int n, int from, int to, int over) { if (n > 0) { hanoi(n - 1, from, over, to); mix((u64)(from * 3 + to)); hanoi(n - 1, over, to, from); } }

void test_calls(void) {
  static u64 (*const functions[])(u64, u64) = { add, times, turn, add, turn, times, times };
  u64 v = 1;
  struct big big = { { 1, 2, 3, 4, 5 } };
  struct pair p = { 1, 2 };
  for (u32 n = 0; n < 6000; n++) {
    v = functions[next_random() % COUNT(functions)](v, n);
    big = by_value(big, (int)(n & 1023));
    p = with_floats(p, (i32)(v & 3) - 1, (float)n);
    mix((u64)many((i8)v, (i16)v, (i32)(v >> 9) & 0xffff, (i64)v >> 20, (u8)v, (u16)(v >> 3), (u32)v, v >> 5, (i8)(v >> 1), (i16)(v >> 2), (float)n, (i32)n, 2.5 * n, (u8)n));
  }
  mix(v);
  mix_bytes(&big, sizeof big);
  mix_double(p.x); mix_float(p.y);
  mix(fibonacci(18));
  mix(even(3001));
  for (u64 n = 50000; n > 40000; n -= 3000) mix(deep(n));
  hanoi(9, 0, 2, 1);
}

/* A small machine's program, by a switch and by computed goto. */
enum { PUSH, ADD, MUL, DUP, SWAP, JUMP_IF, DEC, DROP, HALT };
static const u8 code[] = { PUSH, 200, PUSH, 1, SWAP, DUP, JUMP_IF, 10, HALT, 0, DEC, SWAP, PUSH, 3, MUL, PUSH, 7, ADD, SWAP, PUSH, 1, JUMP_IF, 5, HALT };

static NOINLINE u64 by_switch(u64 seed) {
  u64 stack[16] = { seed }, *top = stack;
  for (size_t pc = 0;;) {
    switch (code[pc++]) {
      case PUSH: *++top = code[pc++]; break;
      case ADD: top[-1] += top[0]; top--; break;
      case MUL: top[-1] *= top[0]; top--; break;
      case DUP: top[1] = top[0]; top++; break;
      case SWAP: { u64 t = top[0]; top[0] = top[-1]; top[-1] = t; break; }
      case JUMP_IF: if (*top-- != 0) pc = code[pc]; else pc++; break;
      case DEC: --*top; break;
      case DROP: top--; break;
      default: return top[-1] ^ top[0];
    }
  }
}

static NOINLINE u64 by_goto(u64 seed) {
  static const void *const labels[] = { &&push, &&add, &&mul, &&dup, &&swap, &&jump_if, &&dec, &&drop, &&halt };
  u64 stack[16] = { seed }, *top = stack, t;
  size_t pc = 0;
#define NEXT goto *labels[code[pc++]]
  NEXT;
push: *++top = code[pc++]; NEXT;
add: top[-1] += top[0]; top--; NEXT;
mul: top[-1] *= top[0]; top--; NEXT;
dup: top[1] = top[0]; top++; NEXT;
swap: t = top[0]; top[0] = top[-1]; top[-1] = t; NEXT;
jump_if: if (*top-- != 0) pc = code[pc]; else pc++; NEXT;
dec: --*top; NEXT;
drop: top--; NEXT;
halt: return top[-1] ^ top[0];
}

static NOINLINE u64 sparse(u32 v) {
  switch (v) {
    case 0: return 5;
    case 7: case 8: case 9: return 11;
    case 100: return 1;
    case 1000: return 2;
    case 65535: return 3;
    case 0x80000000: return 4;
    default: return v < 100 ? 6 : 7;
  }
}

void test_switches(void) {
  for (int n = 0; n < 60; n++) { mix(by_switch((u64)n)); mix(by_goto((u64)n)); }
  for (u32 n = 0; n < 3000; n++) { mix(sparse(n % 102)); mix(sparse((u32)next_odd())); }
}

static void *out[5];
static int depth;

static NOINLINE void deeper(int n, u64 r) {
  volatile u64 local[4] = { r, r + 1, r + 2, r + 3 };
  depth++;
  if (n == 0 || (r & 3) == 0) __builtin_longjmp(out, 1);
  deeper(n - 1, r >> 2);
  mix(local[n & 3]);
}

static NOINLINE int attempt(u64 r) {
  depth = 0;
  if (__builtin_setjmp(out) != 0) return depth;
  deeper(20, r);
  return -1;
}

void test_jumps(void) { for (int n = 0; n < 2000; n++) mix((u64)attempt(next_random())); }
