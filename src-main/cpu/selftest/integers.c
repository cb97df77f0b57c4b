/* Integer arithmetic of all widths: what the compiler makes of C operators, and of its builtins. */
#include "selftest.h"

#define EACH_OPERATOR(type, a, b) do { \
  type s = (type)(b) & (sizeof(type) * 8 - 1); \
  mix((u64)(type)((a) + (b))); mix((u64)(type)((a) - (b))); mix((u64)(type)((a) * (b))); \
  mix((u64)(type)((a) & (b))); mix((u64)(type)((a) | ~(b))); mix((u64)(type)((a) ^ (b))); \
  mix((u64)(type)((a) >> s)); mix((u64)(type)((u64)(a) << s)); \
  mix((u64)((a) < (b)) | (u64)((a) <= (b)) << 1 | (u64)((a) == (b)) << 2 | (u64)((a) > (b)) << 3); \
} while (0)

#define DIVISION(type, low, a, b) do { \
  if ((b) != 0 && !((a) == (low) && (b) == (type)-1 && (low) != 0)) { mix((u64)((a) / (b))); mix((u64)((a) % (b))); } \
} while (0)

#define ON(name, type, low) static NOINLINE void name(type a, type b) { EACH_OPERATOR(type, a, b); DIVISION(type, low, a, b); }
ON(on_u8, u8, 0) ON(on_i8, i8, INT8_MIN) ON(on_u16, u16, 0) ON(on_i16, i16, INT16_MIN)
ON(on_u32, u32, 0) ON(on_i64, i64, INT64_MIN) ON(on_u64, u64, 0)

static NOINLINE void on_i32(i32 a, i32 b) {
  i32 sum, product;
  mix((u64)__builtin_sadd_overflow(a, b, &sum) << 32 ^ (u32)sum);
  mix((u64)__builtin_smul_overflow(a, b, &product) << 32 ^ (u32)product);
  mix((u64)((i64)a * b));
  mix((u64)((i64)(u32)a * b));
  DIVISION(i32, INT32_MIN, a, b);
}

static NOINLINE void by_constants(i64 a) {
  mix((u64)(a / 3)); mix((u64)(a % 7)); mix((u64)a / 10); mix((u64)a % 1000000007); mix((u64)(a / -16)); mix((u64)((i32)a / 641)); mix((u32)a % 255);
  mix((u64)a * 5); mix((u64)a * 31 + 7); mix((u64)((a >> 4) | (i64)((u64)a << 60)));
}

static NOINLINE void overflows(u64 a, u64 b) {
  u64 r; i64 s;
  mix(__builtin_add_overflow(a, b, &r)); mix(r);
  mix(__builtin_sub_overflow(a, b, &r)); mix(r);
  mix(__builtin_mul_overflow(a, b, &r)); mix(r);
  mix(__builtin_add_overflow((i64)a, (i64)b, &s)); mix((u64)s);
  mix(__builtin_sub_overflow((i64)a, (i64)b, &s)); mix((u64)s);
  mix(__builtin_mul_overflow((i64)a, (i64)b, &s)); mix((u64)s);
}

void test_integers(void) {
  for (int n = 0; n < 4000; n++) {
    u64 a = next_odd(), b = next_odd();
    on_u8((u8)a, (u8)b); on_i8((i8)a, (i8)b); on_u16((u16)a, (u16)b); on_i16((i16)a, (i16)b);
    on_u32((u32)a, (u32)b); on_i32((i32)a, (i32)b); on_u64(a, b); 
    /* Signed addition must not overflow in C. */
    on_i64((i64)a >> 33, (i64)b >> 33);
    by_constants((i64)a >> 1);
    overflows(a, b);
  }
}

static NOINLINE void mix_wide(u128 v) { mix((u64)v); mix((u64)(v >> 64)); }

void test_wide_integers(void) {
  for (int n = 0; n < 2500; n++) {
    u128 a = (u128)next_odd() << 64 | next_odd(), b = (u128)next_odd() << 64 | next_odd();
    unsigned s = (unsigned)next_random() & 127;
    mix_wide(a + b); mix_wide(a - b); mix_wide(a * b); mix_wide(a >> s); mix_wide(a << s); mix_wide((u128)((i128)a >> s));
    mix((a < b) | ((i128)a < (i128)b) << 1);
    if (b != 0) { mix_wide(a / b); mix_wide(a % b); }
    if ((u64)b != 0) { mix_wide(a / (u64)b); mix_wide((u128)(((i128)a >> 1) / (i128)(u64)(b >> 1 | 1))); }
    mix_wide((u128)(u64)a * (u64)b); mix_wide((u128)((i128)(i64)a * (i64)b));
  }
  /* 300!, digit by digit. */
  static u32 digits[700];
  size_t length = 1;
  digits[0] = 1;
  for (u32 factor = 2; factor <= 300; factor++) {
    u64 carry = 0;
    for (size_t i = 0; i < length; i++) { carry += (u64)digits[i] * factor; digits[i] = (u32)(carry % 10); carry /= 10; }
    for (; carry != 0; carry /= 10) digits[length++] = (u32)(carry % 10);
  }
  mix(length);
  for (size_t i = 0; i < length; i++) mix(digits[i]);
}

struct fields { u32 a : 3; i32 b : 7; u32 c : 12; i32 d : 10; u64 e : 37; i64 f : 27; };

static NOINLINE void on_fields(struct fields *s, u64 v) {
  s->a = v & 7; s->b += (i32)(v >> 3 & 31); s->c ^= v >> 9 & 4095; s->d -= (i32)(v >> 20 & 127); s->e += v >> 11 & 0xfffffffff; s->f = (i64)(v << 5) >> 40;
  mix(s->a); mix((u64)s->b); mix(s->c); mix((u64)s->d); mix(s->e); mix((u64)s->f);
}

void test_bits(void) {
  struct fields s = { 0 };
  for (int n = 0; n < 4000; n++) {
    u64 a = next_odd(), r = next_random();
    unsigned by = r & 63;
    on_fields(&s, a ^ r);
    mix(a << by | a >> (-by & 63)); mix((u32)a >> (by & 31) | (u32)a << (-by & 31));
    mix((u64)__builtin_popcountll(a)); mix((u64)__builtin_bswap64(a)); mix(__builtin_bswap32((u32)a)); mix(__builtin_bswap16((u16)a));
    if (a != 0) { mix((u64)__builtin_clzll(a)); mix((u64)__builtin_ctzll(a)); }
    if ((u32)a != 0) { mix((u64)__builtin_clz((u32)a)); mix((u64)__builtin_ctz((u32)a)); }
    mix((u64)__builtin_parityll(a)); mix((u64)__builtin_clrsbll((i64)a)); mix((a & -a) | (a & (a - 1)));
    mix((a >> 7 & 0x1f) | (r & ~0x1full)); mix((u64)((i64)(a << 13) >> 51)); mix((a & 0x00ff00ff00ff00ffu) | (r & 0xff00ff00ff00ff00u));
  }
}
