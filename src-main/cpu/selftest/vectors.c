/* Loops that the compiler turns into SIMD at -O3, and SIMD by name. */
#include <arm_neon.h>
#include "selftest.h"

enum { N = 515 };
static u8 b8[N], c8[N], d8[N];
static i16 b16[N], c16[N], d16[N];
static u32 b32[N], c32[N], d32[N];
static i64 b64[N], c64[N], d64[N];
static float bf[N], cf[N], df[N];
static double bd[N], cd[N], dd[N];

static void fill(void) {
  for (int i = 0; i < N; i++) {
    b8[i] = (u8)next_random(); c8[i] = (u8)next_odd(); b16[i] = (i16)next_random(); c16[i] = (i16)next_odd();
    b32[i] = (u32)next_random(); c32[i] = (u32)next_odd(); b64[i] = (i64)next_odd(); c64[i] = (i64)next_odd() >> 33;
    bf[i] = (float)(i32)next_random() / 65536; cf[i] = (float)(i16)next_random(); bd[i] = (double)(i64)next_random() / 1e9; cd[i] = (double)(i32)next_odd();
  }
}

static NOINLINE void integer_loops(int n) {
  for (int i = 0; i < n; i++) d32[i] = b32[i] * 3 + (c32[i] >> 5 ^ b32[i]);
  for (int i = 0; i < n; i++) d16[i] = (i16)(b16[i] > c16[i] ? b16[i] - c16[i] : c16[i] / 4);
  for (int i = 0; i < n; i++) d64[i] = (b64[i] >> 7) + c64[i] * 5;
  for (int i = 0; i < n; i++) d32[i] += (u32)b16[i] * (u32)c8[i];
  for (int i = 0; i + 3 < n; i++) d32[i] ^= d32[i + 3] + (b32[i] < c32[i]);
  for (int i = 0; i < n / 2; i++) { d16[2 * i] = (i16)(b16[2 * i + 1] + 1); d16[2 * i + 1] = (i16)(c16[2 * i] << 2); }
  u64 sum = 0; u32 most = 0; i64 least = 0;
  for (int i = 0; i < n; i++) { sum += (u64)d16[i] + d32[i]; most = b32[i] > most ? b32[i] : most; least = c64[i] < least ? c64[i] : least; }
  mix(sum); mix(most); mix((u64)least);
}

static NOINLINE void float_loops(int n, float by) {
  for (int i = 0; i < n; i++) df[i] = bf[i] * by + cf[i];
  for (int i = 0; i < n; i++) dd[i] = bd[i] / (cd[i] * cd[i] + 1) - (double)bf[i];
  for (int i = 0; i < n; i++) df[i] = df[i] < 0 ? -df[i] : df[i] / 3;
  for (int i = 0; i < n; i++) d32[i] += (u32)(i32)(df[i] / 1e6f);
  for (int i = 0; i < n; i++) dd[i] += (double)b16[i] + (double)(i32)c32[i];
  for (int i = 0; i < n; i++) cf[i] = (float)dd[i];
  double sum = 0;
  for (int i = 0; i < n; i++) sum += dd[i];
  mix_double(sum);
}

void test_vector_loops(void) {
  for (int round = 0; round < 25; round++) {
    fill();
    integer_loops(N - round);
    float_loops(N - 2 * round, 1.5f + (float)round);
    mix_bytes(d32, sizeof d32); mix_bytes(d16, sizeof d16); mix_bytes(d64, sizeof d64); mix_bytes(df, sizeof df); mix_bytes(dd, sizeof dd);
  }
}

static NOINLINE void byte_loops(int n) {
  for (int i = 0; i < n; i++) d8[i] = (u8)((b8[i] + c8[i] + 1) >> 1);
  for (int i = 0; i < n; i++) d8[i] = (u8)(d8[i] > 200 ? 255 : d8[i] < 40 ? 0 : d8[i] * 3);
  for (int i = 0; i < n; i++) d16[i] = (i16)(b8[i] * c8[i] - d8[i]);
  for (int i = 0; i < n; i++) c8[i] = (u8)(b8[i] > c8[i] ? b8[i] - c8[i] : c8[i] - b8[i]);
  for (int i = 0; i < n / 3; i++) { d8[3 * i] = b8[i]; d8[3 * i + 1] = (u8)(b8[3 * i + 2] ^ 0x20); d8[3 * i + 2] = c8[i]; }
  for (int i = 0; i < n / 4; i++) d32[i] = b8[4 * i] | (u32)b8[4 * i + 1] << 8 | (u32)b8[4 * i + 2] << 16 | (u32)b8[4 * i + 3] << 24;
  u32 ones = 0, total = 0;
  for (int i = 0; i < n; i++) { ones += (u32)__builtin_popcount(b8[i]); total += (u32)d8[i] << (i & 3); }
  mix(ones); mix(total);
}

void test_vector_bytes(void) {
  for (int round = 0; round < 25; round++) {
    fill();
    byte_loops(N - 3 * round);
    mix_bytes(d8, sizeof d8); mix_bytes(d16, sizeof d16); mix_bytes(c8, sizeof c8); mix_bytes(d32, sizeof d32);
  }
}

static void mix_vector(uint8x16_t v) { u8 bytes[16]; vst1q_u8(bytes, v); mix_bytes(bytes, 16); }
#define MIX(v) mix_vector((uint8x16_t)(v))

void test_intrinsics(void) {
  for (int round = 0; round < 12; round++) {
    fill();
    for (int i = 0; i + 16 < 256; i += 7) {
      uint8x16_t a = vld1q_u8(b8 + i), b = vld1q_u8(c8 + i);
      int16x8_t s = vld1q_s16(b16 + i), t = vld1q_s16(c16 + i);
      uint32x4_t u = vld1q_u32(b32 + i), v = vld1q_u32(c32 + i);
      float32x4_t f = vld1q_f32(bf + i), g = vld1q_f32(cf + i);
      MIX(vqaddq_u8(a, b)); MIX(vqsubq_s16(s, t)); MIX(vhaddq_u8(a, b)); MIX(vrhaddq_s16(s, t)); MIX(vabdq_u8(a, b)); MIX(vqdmulhq_s16(s, t)); MIX(vqrdmulhq_s16(s, t));
      MIX(vmull_u8(vget_low_u8(a), vget_high_u8(b))); MIX(vmlal_s16(vreinterpretq_s32_u32(u), vget_low_s16(s), vget_high_s16(t))); MIX(vpaddlq_u8(a)); MIX(vpaddq_s16(s, t));
      MIX(vcombine_u8(vqmovun_s16(s), vqshrn_n_u16(vreinterpretq_u16_s16(t), 3))); MIX(vqtbl1q_u8(a, vandq_u8(b, vdupq_n_u8(31)))); MIX(vextq_u8(a, b, 5)); MIX(vrev32q_u8(a)); MIX(vzip1q_u8(a, b)); MIX(vuzp2q_u8(a, b)); MIX(vtrn1q_u8(a, b));
      MIX(vshlq_u32(u, vreinterpretq_s32_u32(vandq_u32(v, vdupq_n_u32(31))))); MIX(vqrshlq_s16(s, t)); MIX(vsraq_n_u32(u, v, 9)); MIX(vsliq_n_u32(u, v, 11)); MIX(vcntq_u8(a)); MIX(vclzq_u32(u)); MIX(vbslq_u8(a, b, vmvnq_u8(a)));
      MIX(vcgtq_s16(s, t)); MIX(vtstq_u8(a, b)); MIX(vmaxq_u8(a, b)); MIX(vminq_s16(s, t)); MIX(vmulq_u32(u, v)); MIX(vmlsq_s16(s, s, t)); MIX(vpmaxq_u8(a, b));
      mix(vaddlvq_u8(a)); mix(vmaxvq_u32(u)); mix((u64)vminvq_s16(t)); mix((u64)vgetq_lane_s16(s, 3)); MIX(vsetq_lane_u32(7, u, 2)); MIX(vmull_p8(vget_low_p8(vreinterpretq_p8_u8(a)), vget_low_p8(vreinterpretq_p8_u8(b))));
      MIX(vaddq_f32(f, g)); MIX(vfmaq_f32(f, g, f)); MIX(vdivq_f32(f, g)); MIX(vmaxnmq_f32(f, g)); MIX(vrndnq_f32(f)); MIX(vcvtq_s32_f32(f)); MIX(vcvtq_n_f32_u32(u, 8)); MIX(vrecpeq_f32(f)); MIX(vrecpsq_f32(f, g)); MIX(vrsqrteq_f32(vabsq_f32(f))); MIX(vsqrtq_f32(vabsq_f32(g))); MIX(vcageq_f32(f, g)); MIX(vcvt_f64_f32(vget_low_f32(f)));
      uint8x16x3_t three = vld3q_u8(b8 + i);
      vst3q_u8(d8 + i, (uint8x16x3_t){ { three.val[2], veorq_u8(three.val[0], b), three.val[1] } });
      uint32x4x4_t four = vld4q_u32(b32 + i);
      four.val[1] = vld1q_lane_u32(c32 + i, four.val[1], 3);
      vst4q_u32(d32 + i, four);
      vst2q_lane_u8(c8 + i, ((uint8x16x2_t){ { a, b } }), 9);
      MIX(vld1q_dup_u16((const u16 *)c16 + i));
    }
    mix_bytes(d8, sizeof d8); mix_bytes(d32, sizeof d32);
  }
}
