/* Floating point: operators and conversions on all kinds of numbers, rounding modes, exceptions, and functions. */
#include "selftest.h"

static u64 control(void) { u64 v; __asm__ volatile("mrs %0, fpcr" : "=r"(v)); return v; }
static void set_control(u64 v) { __asm__ volatile("msr fpcr, %0" :: "r"(v) : "memory"); }
static u64 status(void) { u64 v; __asm__ volatile("mrs %0, fpsr" : "=r"(v)); return v; }
static void clear_status(void) { __asm__ volatile("msr fpsr, xzr" ::: "memory"); }

/* Zeros, infinities, NaNs, denormals, neighbours of one, integers, anything. */
static double next_double(void) {
  u64 r = next_random(), sign = r << 63, fraction = r >> 12, bits;
  double d;
  switch (r >> 4 & 15) {
    case 0: bits = 0; break;
    case 1: bits = 0x7ff0000000000000u; break;
    case 2: bits = 0x7ff8000000000000u | fraction; break;
    case 3: bits = 0x7ff0000000000001u | fraction >> 3; break;
    case 4: bits = fraction; break;
    case 5: bits = fraction & 255; break;
    case 6: bits = 0x3ff0000000000000u + (fraction & 7) - 3; break;
    case 7: d = (double)(i64)(fraction & 0xfff); memcpy(&bits, &d, 8); break;
    case 8: bits = 0x7fefffffffffffffu - (fraction & 3); break;
    case 9: bits = 0x3ca0000000000000u + (fraction & 0x3ffffffffffffff) * 4; break;
    default: bits = 0x3f00000000000000u + (fraction << 9) % 0x0200000000000000u; break;
  }
  bits ^= sign;
  memcpy(&d, &bits, 8);
  return d;
}

static float next_float(void) {
  u64 r = next_random();
  u32 sign = (u32)r << 31, fraction = (u32)(r >> 40) & 0x7fffff, bits;
  float f;
  switch (r >> 4 & 15) {
    case 0: bits = 0; break;
    case 1: bits = 0x7f800000; break;
    case 2: bits = 0x7fc00000 | fraction; break;
    case 3: bits = 0x7f800001 | fraction >> 2; break;
    case 4: bits = fraction; break;
    case 5: bits = fraction & 255; break;
    case 6: bits = 0x3f800000 + (fraction & 7) - 3; break;
    case 7: f = (float)(i32)(fraction & 0xfff); memcpy(&bits, &f, 4); break;
    case 8: bits = 0x7f7fffff - (fraction & 3); break;
    default: bits = 0x3c000000 + (fraction << 4) % 0x08000000; break;
  }
  bits ^= sign;
  memcpy(&f, &bits, 4);
  return f;
}

static NOINLINE void double_operators(double a, double b, double c) {
  mix_double(a + b); mix_double(a - b); mix_double(a * b); mix_double(a / b); mix_double(-a); mix_double(__builtin_fabs(b));
  mix_double(__builtin_fma(a, b, c)); mix_double(__builtin_fma(-a, b, -c)); mix_double(a * b - c);
  double root; __asm__("fsqrt %d0, %d1" : "=w"(root) : "w"(a)); mix_double(root);
  mix((u64)(a < b) | (u64)(a <= b) << 1 | (u64)(a == b) << 2 | (u64)(a != b) << 3 | (u64)(a > b) << 4 | (u64)(a >= b) << 5 | (u64)__builtin_isunordered(a, b) << 6);
  mix_double(a < b ? a : b); mix_double(a > c ? a : c); mix_double(__builtin_copysign(a, b));
}

static NOINLINE void float_operators(float a, float b, float c) {
  mix_float(a + b); mix_float(a - b); mix_float(a * b); mix_float(a / b); mix_float(-a); mix_float(__builtin_fabsf(b));
  mix_float(__builtin_fmaf(a, b, c)); mix_float(a * b + c);
  float root; __asm__("fsqrt %s0, %s1" : "=w"(root) : "w"(a)); mix_float(root);
  mix((u64)(a < b) | (u64)(a <= b) << 1 | (u64)(a == b) << 2 | (u64)__builtin_isunordered(a, b) << 3);
  mix_float(a < b ? a : b); mix_float(__builtin_copysignf(a, b));
}

void test_doubles(void) {
  clear_status();
  for (int n = 0; n < 4000; n++) {
    double_operators(next_double(), next_double(), next_double());
    if ((n & 63) == 0) { mix(status()); clear_status(); }
  }
}

void test_floats(void) {
  clear_status();
  for (int n = 0; n < 4000; n++) {
    float_operators(next_float(), next_float(), next_float());
    if ((n & 63) == 0) { mix(status()); clear_status(); }
  }
}

#define BY_INSTRUCTION(op, a) do { u64 to; __asm__(op " %x0, %d1" : "=r"(to) : "w"(a)); mix(to); u32 word; __asm__(op " %w0, %d1" : "=r"(word) : "w"(a)); mix(word); } while (0)

static NOINLINE void convert(double d, float f, i64 i) {
  mix_float((float)d); mix_double((double)f);
  BY_INSTRUCTION("fcvtzs", d); BY_INSTRUCTION("fcvtzu", d); BY_INSTRUCTION("fcvtns", d); BY_INSTRUCTION("fcvtau", d); BY_INSTRUCTION("fcvtms", d); BY_INSTRUCTION("fcvtpu", d);
  mix_double((double)i); mix_double((double)(u64)i); mix_double((double)(i32)i); mix_double((double)(u32)i);
  mix_float((float)i); mix_float((float)(u64)i); mix_float((float)(i32)i); mix_float((float)(u32)i);
  __fp16 half = (__fp16)f;
  u16 bits;
  memcpy(&bits, &half, 2);
  mix(bits);
  mix_float((float)half);
  mix_double(__builtin_floor(d)); mix_double(__builtin_ceil(d)); mix_double(__builtin_trunc(d)); mix_double(__builtin_round(d)); mix_double(__builtin_rint(d));
  mix_float(__builtin_floorf(f)); mix_float(__builtin_ceilf(f)); mix_float(__builtin_truncf(f));
}

void test_conversions(void) {
  clear_status();
  for (int n = 0; n < 3000; n++) {
    convert(next_double(), next_float(), (i64)next_odd());
    if ((n & 63) == 0) { mix(status()); clear_status(); }
  }
}

void test_rounding(void) {
  static const u64 modes[] = { 0, 1 << 22, 2 << 22, 3 << 22, 1 << 24, 1 << 25, 3 << 24 | 1 << 22 };
  for (size_t m = 0; m < COUNT(modes); m++) {
    set_control(modes[m]);
    mix(control());
    clear_status();
    for (int n = 0; n < 250; n++) {
      double_operators(next_double(), next_double(), next_double());
      float_operators(next_float(), next_float(), next_float());
      convert(next_double(), next_float(), (i64)next_odd());
      if ((n & 15) == 0) { mix(status()); clear_status(); }
    }
  }
  set_control(0);
}

static double sine(double x) {
  i64 turns = (i64)(x / 6.283185307179586 + (x < 0 ? -0.5 : 0.5));
  x -= (double)turns * 6.283185307179586;
  double term = x, sum = x;
  for (int n = 1; n < 14; n++) { term *= -x * x / ((2 * n) * (2 * n + 1)); sum += term; }
  return sum;
}

static double exponential(double x) {
  double sum = 1, term = 1;
  for (int n = 1; n < 30; n++) { term *= x / n; sum += term; }
  return sum;
}

void test_functions(void) {
  static double a[24][24], b[24][24], c[24][24];
  for (int n = 0; n < 400; n++) {
    double x = (double)(i64)(next_random() >> 44) / 4096 - 128;
    mix_double(sine(x));
    mix_double(exponential(x / 32));
  }
  for (int i = 0; i < 24; i++) for (int j = 0; j < 24; j++) { a[i][j] = sine(i * j); b[i][j] = 1.0 / (1 + i + j); }
  for (int i = 0; i < 24; i++) for (int j = 0; j < 24; j++) { c[i][j] = 0; for (int k = 0; k < 24; k++) c[i][j] += a[i][k] * b[k][j]; }
  for (int i = 0; i < 24; i++) for (int j = 0; j < 24; j++) mix_double(c[i][j]);
  /* Mandelbrot's set, in single precision. */
  for (int y = -16; y < 16; y++) for (int x = -32; x < 16; x++) {
    float re = 0, im = 0;
    u32 n = 0;
    while (n < 80 && re * re + im * im < 4) { float t = re * re - im * im + (float)x / 20; im = 2 * re * im + (float)y / 14; re = t; n++; }
    mix(n);
  }
}
