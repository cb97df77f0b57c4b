/* A 64-bit integer loop, and indirect calls. */
#include "bench.h"

uint64_t integer_loop(void) {
  uint64_t a = 0x9e3779b97f4a7c15u, b = 88172645463325252u, sum = 0;
  for (uint64_t n = 1; n <= 60000000; n++) {
    a = a * 6364136223846793005u + n;
    b ^= b << 13;
    b ^= b >> 7;
    b ^= b << 17;
    sum += (a >> 33) ^ (b + (a << 5));
    if ((n & 15) == 0) sum ^= b / (n | 1) + a % (n + 7);
    if (sum & 1) sum = (sum >> 1) | (sum << 63);
  }
  return sum;
}

static uint64_t plus(uint64_t x, uint64_t y) { return x + y; }
static uint64_t minus(uint64_t x, uint64_t y) { return x - y; }
static uint64_t xor(uint64_t x, uint64_t y) { return x ^ y; }
static uint64_t times(uint64_t x, uint64_t y) { return x * (y | 1); }
static uint64_t rotate(uint64_t x, uint64_t y) { unsigned by = y & 63; return (x >> by) | (x << (-by & 63)); }
static uint64_t mean(uint64_t x, uint64_t y) { return (x >> 1) + (y >> 1); }
static uint64_t larger(uint64_t x, uint64_t y) { return x > y ? x : y + 1; }
static uint64_t swap(uint64_t x, uint64_t y) { return __builtin_bswap64(x) + y; }

static uint64_t (*const volatile operations[])(uint64_t, uint64_t) = {plus, minus, xor, times, rotate, mean, larger, swap};

/* Objects with tables of functions, as C++ or a kernel has them. */
struct shape;
struct shape_class { uint64_t (*area)(const struct shape *); void (*grow)(struct shape *, uint64_t); };
struct shape { const struct shape_class *class; uint64_t width, height; };

static uint64_t square_area(const struct shape *s) { return s->width * s->width; }
static uint64_t box_area(const struct shape *s) { return s->width * s->height; }
static uint64_t triangle_area(const struct shape *s) { return s->width * s->height / 2; }
static void grow_width(struct shape *s, uint64_t by) { s->width += by; }
static void grow_both(struct shape *s, uint64_t by) { s->width ^= by; s->height += by >> 1; }
static const struct shape_class square = {square_area, grow_width}, box = {box_area, grow_both}, triangle = {triangle_area, grow_both};

uint64_t indirect_calls(void) {
  static uint8_t program[4096];
  static struct shape shapes[64];
  uint64_t random = 20010911, x = 1, area = 0;
  for (int n = 0; n < 4096; n++) program[n] = next_random(&random) & 7;
  for (int n = 0; n < 64; n++) {
    const uint64_t kind = next_random(&random) % 3;
    shapes[n] = (struct shape){kind == 0 ? &square : kind == 1 ? &box : &triangle, (uint64_t)n + 1, 2 * (uint64_t)n + 1};
  }
  for (int round = 0; round < 3000; round++) {
    for (int n = 0; n < 4096; n++) x = operations[program[n]](x, (uint64_t)n + area);
    for (int n = 0; n < 64; n++) {
      shapes[n].class->grow(&shapes[n], x & 255);
      area += shapes[n].class->area(&shapes[n]);
    }
  }
  return x ^ area;
}
