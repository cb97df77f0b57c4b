/* The memory and string functions that the compiler calls, in plain C, and what uses them. */
#include "selftest.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  u8 *d = to;
  for (const u8 *s = from; n-- > 0;) *d++ = *s++;
  return to;
}

void *memmove(void *to, const void *from, size_t n) {
  u8 *d = to;
  const u8 *s = from;
  if (d < s) while (n-- > 0) *d++ = *s++;
  else while (n-- > 0) d[n] = s[n];
  return to;
}

void *memset(void *to, int byte, size_t n) {
  for (u8 *d = to; n-- > 0;) *d++ = (u8)byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t n) {
  const u8 *x = a, *y = b;
  for (; n > 0 && *x == *y; n--) { x++; y++; }
  return n == 0 ? 0 : *x - *y;
}

size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n] != 0) n++;
  return n;
}

static u8 area[16384], other[16384];

struct packed { u8 a; u64 b; u16 c; u32 d; float e; double f; } __attribute__((packed));

static NOINLINE void unaligned(u8 *at, u64 v) {
  struct packed *p = (struct packed *)at;
  p->a = (u8)v; p->b = v * 3; p->c = (u16)(v >> 7); p->d += (u32)(v >> 11); p->e = (float)(v & 0xffff); p->f = (double)(v >> 20);
  mix(p->a + p->b + p->c + p->d);
  mix_float(p->e);
  mix_double(p->f);
}

void test_memory(void) {
  for (size_t i = 0; i < sizeof area; i++) area[i] = (u8)next_random();
  for (int n = 0; n < 300; n++) {
    u64 r = next_random();
    size_t from = r & 8191, to = r >> 13 & 8191, bytes = r >> 26 & ((r & 1) != 0 ? 4095 : 63);
    memmove(area + to, area + from, bytes);
    memcpy(other + to, area + from, bytes);
    memset(other + from, (int)(r >> 40), bytes >> 3);
    mix((u64)memcmp(area + to, other + to, bytes));
    unaligned(area + to + (r >> 50 & 15), r);
    /* Across the boundary of two pages. */
    unaligned((u8 *)(((uintptr_t)area + 8192) & ~(uintptr_t)4095) - (r >> 54 & 31), r);
  }
  mix_bytes(area, sizeof area);
  mix_bytes(other, sizeof other);
}

static size_t decimal(char *to, i64 v) {
  char digits[24];
  size_t n = 0, at = 0;
  u64 left = v < 0 ? -(u64)v : (u64)v;
  do digits[n++] = (char)('0' + left % 10); while ((left /= 10) != 0);
  if (v < 0) to[at++] = '-';
  while (n > 0) to[at++] = digits[--n];
  to[at] = 0;
  return at;
}

static i64 parse(const char *s) {
  u64 v = 0;
  int negative = *s == '-';
  for (s += negative; *s >= '0' && *s <= '9'; s++) v = v * 10 + (u64)(*s - '0');
  return (i64)(negative ? -v : v);
}

static const char *find(const char *text, const char *word) {
  for (; *text != 0; text++) {
    size_t n = 0;
    while (word[n] != 0 && text[n] == word[n]) n++;
    if (word[n] == 0) return text;
  }
  return NULL;
}

void test_strings(void) {
  static char text[60000];
  size_t at = 0;
  for (int n = 0; n < 2000; n++) {
    i64 v = (i64)next_odd();
    size_t length = decimal(text + at, v);
    mix((u64)(parse(text + at) == v) + length);
    at += length;
    text[at++] = ' ';
  }
  text[at] = 0;
  mix(strlen(text));
  mix_bytes(text, at);
  for (int n = 0; n < 12; n++) {
    char word[24];
    decimal(word, (i64)(next_random() % 1000));
    const char *found = find(text, word);
    mix(found == NULL ? 0 : (u64)(found - text));
  }
}
