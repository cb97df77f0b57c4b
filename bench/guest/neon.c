/* Advanced SIMD by intrinsics, each kernel beside what it means in plain C, which other machines run. */
#include <math.h>
#include "bench.h"

enum { PIXELS = 16384, SAMPLES = 4096, MATRICES = 64 };

#ifdef __aarch64__
#include <arm_neon.h>

/* out = a x b, four columns each. */
static NOINLINE void multiply(float *out, const float *a, const float *b) {
  const float32x4_t a0 = vld1q_f32(a), a1 = vld1q_f32(a + 4), a2 = vld1q_f32(a + 8), a3 = vld1q_f32(a + 12);
  for (int n = 0; n < 16; n += 4) {
    const float32x4_t column = vld1q_f32(b + n);
    float32x4_t sum = vmulq_laneq_f32(a0, column, 0);
    sum = vfmaq_laneq_f32(sum, a1, column, 1);
    sum = vfmaq_laneq_f32(sum, a2, column, 2);
    vst1q_f32(out + n, vfmaq_laneq_f32(sum, a3, column, 3));
  }
}

/* Blends bytes: (front * alpha + back * (255 - alpha) + 128) >> 8. */
static NOINLINE void blend(uint8_t *back, const uint8_t *front, const uint8_t *alpha) {
  for (int n = 0; n < PIXELS; n += 16) {
    const uint8x16_t f = vld1q_u8(front + n), b = vld1q_u8(back + n), a = vld1q_u8(alpha + n), rest = vmvnq_u8(a);
    const uint16x8_t low = vmlal_u8(vmull_u8(vget_low_u8(f), vget_low_u8(a)), vget_low_u8(b), vget_low_u8(rest));
    const uint16x8_t high = vmlal_high_u8(vmull_high_u8(f, a), b, rest);
    vst1q_u8(back + n, vrshrn_high_n_u16(vrshrn_n_u16(low, 8), high, 8));
  }
}

/* Brightens with saturation, and keeps the larger of that and the mean with the neighbour. */
static NOINLINE void brighten(uint8_t *pixels, uint8_t by) {
  for (int n = 0; n < PIXELS; n += 16) {
    const uint8x16_t here = vld1q_u8(pixels + n), right = vld1q_u8(pixels + ((n + 16) & (PIXELS - 1)));
    vst1q_u8(pixels + n, vmaxq_u8(vqsubq_u8(vqaddq_u8(here, vdupq_n_u8(by)), vdupq_n_u8(90)), vrhaddq_u8(here, right)));
  }
}

/* Mixes sound in Q15 with saturation. */
static NOINLINE void mix_sound(int16_t *into, const int16_t *from, int16_t gain) {
  for (int n = 0; n < SAMPLES; n += 8) {
    const int16x8_t scaled = vqrdmulhq_n_s16(vld1q_s16(from + n), gain);
    vst1q_s16(into + n, vqaddq_s16(vshrq_n_s16(vld1q_s16(into + n), 1), scaled));
  }
}

static NOINLINE int64_t dot_product(const int16_t *a, const int16_t *b) {
  int64x2_t sum = vdupq_n_s64(0);
  for (int n = 0; n < SAMPLES; n += 8) {
    const int16x8_t x = vld1q_s16(a + n), y = vld1q_s16(b + n);
    sum = vpadalq_s32(sum, vmull_s16(vget_low_s16(x), vget_low_s16(y)));
    sum = vpadalq_s32(sum, vmull_high_s16(x, y));
  }
  return vaddvq_s64(sum);
}

/* Looks nibbles up, and counts the bytes above a limit. */
static NOINLINE unsigned look_up(uint8_t *pixels, const uint8_t *table, uint8_t limit) {
  const uint8x16_t entries = vld1q_u8(table);
  uint16x8_t count = vdupq_n_u16(0);
  for (int n = 0; n < PIXELS; n += 16) {
    const uint8x16_t here = vld1q_u8(pixels + n);
    const uint8x16_t mapped = veorq_u8(vqtbl1q_u8(entries, vandq_u8(here, vdupq_n_u8(15))), vqtbl1q_u8(entries, vshrq_n_u8(here, 4)));
    count = vpadalq_u8(count, vandq_u8(vcgtq_u8(mapped, vdupq_n_u8(limit)), vdupq_n_u8(1)));
    vst1q_u8(pixels + n, vextq_u8(mapped, mapped, 3));
  }
  return vaddlvq_u16(count);
}

#else

static void multiply(float *out, const float *a, const float *b) {
  for (int column = 0; column < 4; column++)
    for (int row = 0; row < 4; row++) {
      float sum = a[row] * b[4 * column];
      for (int n = 1; n < 4; n++) sum = fmaf(a[4 * n + row], b[4 * column + n], sum);
      out[4 * column + row] = sum;
    }
}

static void blend(uint8_t *back, const uint8_t *front, const uint8_t *alpha) {
  for (int n = 0; n < PIXELS; n++) back[n] = (uint8_t)((front[n] * alpha[n] + back[n] * (255 - alpha[n]) + 128) >> 8);
}

static int within(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

static void brighten(uint8_t *pixels, uint8_t by) {
  for (int n = 0; n < PIXELS; n++) {
    const int bright = within(within(pixels[n] + by, 0, 255) - 90, 0, 255), mean = (pixels[n] + pixels[(n + 16) & (PIXELS - 1)] + 1) >> 1;
    pixels[n] = (uint8_t)(bright > mean ? bright : mean);
  }
}

static void mix_sound(int16_t *into, const int16_t *from, int16_t gain) {
  for (int n = 0; n < SAMPLES; n++) into[n] = (int16_t)within((into[n] >> 1) + within((2 * from[n] * gain + 32768) >> 16, -32768, 32767), -32768, 32767);
}

static int64_t dot_product(const int16_t *a, const int16_t *b) {
  int64_t sum = 0;
  for (int n = 0; n < SAMPLES; n++) sum += a[n] * b[n];
  return sum;
}

static unsigned look_up(uint8_t *pixels, const uint8_t *table, uint8_t limit) {
  unsigned count = 0;
  for (int at = 0; at < PIXELS; at += 16) {
    uint8_t mapped[16];
    for (int n = 0; n < 16; n++) count += (mapped[n] = table[pixels[at + n] & 15] ^ table[pixels[at + n] >> 4]) > limit;
    for (int n = 0; n < 16; n++) pixels[at + n] = mapped[(n + 3) & 15];
  }
  return count;
}

#endif

uint64_t vectors(void) {
  static uint8_t back[PIXELS], front[PIXELS], alpha[PIXELS], table[16];
  static int16_t left[SAMPLES], right[SAMPLES];
  static float matrices[MATRICES][16], product[16];
  uint64_t random = 271828, sum = HASH_START;
  for (int n = 0; n < PIXELS; n++) {
    const uint64_t r = next_random(&random);
    back[n] = (uint8_t)r; front[n] = (uint8_t)(r >> 8); alpha[n] = (uint8_t)(r >> 16);
  }
  for (int n = 0; n < 16; n++) table[n] = (uint8_t)next_random(&random);
  for (int n = 0; n < SAMPLES; n++) { left[n] = (int16_t)next_random(&random); right[n] = (int16_t)next_random(&random); }
  /* Columns that add up to 1, so that products of many stay finite and normal. */
  for (int m = 0; m < MATRICES; m++)
    for (int n = 0; n < 16; n++) matrices[m][n] = n % 5 == 0 ? 0.625f : 0.125f;
  for (int n = 0; n < 16; n++) product[n] = (float)(n + 1) + 0.3f;
  for (int round = 0; round < 1000; round++) {
    blend(back, front, alpha);
    brighten(front, (uint8_t)round);
    sum = hash_value(sum, look_up(alpha, table, (uint8_t)(round * 5)));
    mix_sound(left, right, (int16_t)(20000 + round * 10));
    sum = hash_value(sum, (uint64_t)dot_product(left, right));
    for (int times = 0; times < 10; times++)
      for (int m = 0; m < MATRICES; m++) {
        float next[16];
        multiply(next, product, matrices[m]);
        for (int n = 0; n < 16; n++) product[n] = next[n];
        product[m & 15] += 1;
      }
    for (int n = 0; n < 16; n++) product[n] *= 0.0009765625f;
  }
  sum = hash_bytes(sum, back, sizeof back);
  sum = hash_bytes(sum, left, sizeof left);
  return hash_bytes(sum, product, sizeof product);
}
