/* Sorting, hashes, compression and the like, as programs do them. */
#include "selftest.h"

static void swap(u64 *a, u64 *b) { u64 t = *a; *a = *b; *b = t; }

static void quick(u64 *v, i64 low, i64 high) {
  if (low >= high) return;
  u64 pivot = v[(low + high) / 2];
  i64 i = low, j = high;
  while (i <= j) {
    while (v[i] < pivot) i++;
    while (v[j] > pivot) j--;
    if (i <= j) swap(&v[i++], &v[j--]);
  }
  quick(v, low, j);
  quick(v, i, high);
}

static void heap(u64 *v, size_t n) {
  for (size_t start = n / 2, end = n; end > 1;) {
    if (start > 0) start--;
    else swap(&v[--end], &v[0]);
    for (size_t root = start, child; (child = 2 * root + 1) < end; root = child) {
      if (child + 1 < end && v[child] < v[child + 1]) child++;
      if (v[root] >= v[child]) break;
      swap(&v[root], &v[child]);
    }
  }
}

static void merge(u64 *v, u64 *spare, size_t n, int (*before)(u64, u64)) {
  if (n < 2) return;
  size_t half = n / 2, i = 0, j = half, k = 0;
  merge(v, spare, half, before);
  merge(v + half, spare, n - half, before);
  while (i < half && j < n) spare[k++] = before(v[j], v[i]) ? v[j++] : v[i++];
  while (i < half) spare[k++] = v[i++];
  while (j < n) spare[k++] = v[j++];
  memcpy(v, spare, n * sizeof *v);
}

static int by_low_byte(u64 a, u64 b) { return (u8)a < (u8)b; }
static int by_signed(u64 a, u64 b) { return (i64)a < (i64)b; }

void test_sorting(void) {
  static u64 v[1500], spare[1500];
  for (int kind = 0; kind < 4; kind++) {
    for (size_t i = 0; i < COUNT(v); i++) v[i] = next_odd();
    if (kind == 0) quick(v, 0, COUNT(v) - 1);
    else if (kind == 1) heap(v, COUNT(v));
    else merge(v, spare, COUNT(v), kind == 2 ? by_low_byte : by_signed);
    for (size_t i = 0; i < COUNT(v); i++) mix(v[i]);
  }
}

static u32 ror(u32 v, int by) { return v >> by | v << (32 - by); }

static void sha256(const u8 *text, size_t blocks, u32 h[8]) {
  static u32 k[64];
  if (k[0] == 0) {
    /* Fractions of the cube roots of primes, by integers alone. */
    for (u32 prime = 2, n = 0; n < 64; prime++) {
      u32 d = 2;
      while (d * d <= prime && prime % d != 0) d++;
      if (d * d <= prime) continue;
      u128 low = 0, high = (u128)8 << 32;
      while (high - low > 1) { u128 m = (low + high) / 2; if (m * m * m <= ((u128)prime << 96)) low = m; else high = m; }
      k[n++] = (u32)low;
    }
  }
  for (; blocks > 0; blocks--, text += 64) {
    u32 w[64], s[8];
    for (int i = 0; i < 16; i++) w[i] = (u32)text[4 * i] << 24 | (u32)text[4 * i + 1] << 16 | (u32)text[4 * i + 2] << 8 | text[4 * i + 3];
    for (int i = 16; i < 64; i++) w[i] = w[i - 16] + w[i - 7] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
      u32 a = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
      u32 b = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
      for (int j = 7; j > 0; j--) s[j] = s[j - 1];
      s[4] += a;
      s[0] = a + b;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
  }
}

static u32 crc(const u8 *text, size_t n, u32 polynomial) {
  u32 table[256], c = ~0u;
  for (u32 i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) table[i] = table[i] >> 1 ^ (-(table[i] & 1) & polynomial);
  }
  while (n-- > 0) c = table[(u8)(c ^ *text++)] ^ c >> 8;
  return ~c;
}

static u32 adler(const u8 *text, size_t n) {
  u32 a = 1, b = 0;
  while (n-- > 0) { a = (a + *text++) % 65521; b = (b + a) % 65521; }
  return b << 16 | a;
}

static u8 text[16384];

static void fill_text(void) {
  static const char *const words[] = { "harbour ", "lantern ", "tide ", "of ", "the ", "a ", "compass", "\n", "0x", "mast " };
  for (size_t at = 0; at + 16 < sizeof text;) {
    const char *word = words[next_random() % COUNT(words)];
    size_t n = strlen(word);
    memcpy(text + at, word, n);
    at += n;
    if ((next_random() & 15) == 0) text[at++] = (u8)next_random();
  }
}

void test_hashes(void) {
  u32 h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
  fill_text();
  sha256(text, sizeof text / 64, h);
  for (int i = 0; i < 8; i++) mix(h[i]);
  mix(crc(text, sizeof text, 0xedb88320));
  mix(crc(text, sizeof text, 0x82f63b78));
  mix(adler(text, sizeof text));
}

static size_t base64(const u8 *from, size_t n, char *to) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t at = 0;
  for (size_t i = 0; i < n; i += 3) {
    u32 v = (u32)from[i] << 16 | (i + 1 < n ? (u32)from[i + 1] << 8 : 0) | (i + 2 < n ? from[i + 2] : 0);
    for (int j = 0; j < 4; j++) to[at++] = i + (size_t)j <= n ? letters[v >> (18 - 6 * j) & 63] : '=';
  }
  return at;
}

/* LZ77 with a hash table: literals, and pairs of distance and length. */
static size_t compress(const u8 *from, size_t n, u8 *to) {
  static u16 last[4096];
  size_t at = 0, i = 0;
  memset(last, 0, sizeof last);
  while (i < n) {
    size_t length = 0, before = 0;
    if (i + 4 < n) {
      u32 key = ((u32)from[i] | (u32)from[i + 1] << 8 | (u32)from[i + 2] << 16) * 2654435761u >> 20;
      before = last[key];
      last[key] = (u16)i;
      if (before < i) while (i + length < n && length < 130 && from[before + length] == from[i + length]) length++;
    }
    if (length >= 4) {
      to[at++] = (u8)(128 + length - 4);
      to[at++] = (u8)(i - before);
      to[at++] = (u8)((i - before) >> 8);
      i += length;
    } else {
      to[at++] = from[i] & 127;
      to[at++] = from[i++] >> 7;
    }
  }
  return at;
}

static size_t expand(const u8 *from, size_t n, u8 *to) {
  size_t at = 0;
  for (size_t i = 0; i < n;) {
    if (from[i] < 128) { to[at++] = (u8)(from[i] | from[i + 1] << 7); i += 2; continue; }
    size_t length = from[i] - 128u + 4, distance = from[i + 1] | (size_t)from[i + 2] << 8;
    for (; length > 0; length--, at++) to[at] = to[at - distance];
    i += 3;
  }
  return at;
}

void test_coding(void) {
  static u8 packed[2 * sizeof text], again[sizeof text + 256];
  static char letters[2 * sizeof text];
  fill_text();
  mix_bytes(letters, base64(text, 5000 + next_random() % 3, letters));
  size_t n = compress(text, sizeof text, packed);
  mix(n);
  mix_bytes(packed, n);
  mix(expand(packed, n, again));
  mix((u64)memcmp(text, again, sizeof text));
}

static u32 queens(u32 all, u32 columns, u32 left, u32 right) {
  if (columns == all) return 1;
  u32 count = 0;
  for (u32 free = all & ~(columns | left | right); free != 0; free &= free - 1) {
    u32 bit = free & -free;
    count += queens(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
  }
  return count;
}

static u32 ackermann(u32 m, u32 n) { return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)); }

void test_puzzles(void) {
  mix(queens(255, 0, 0, 0));
  mix(ackermann(2, 60));
  static u8 composite[20000];
  for (u32 i = 2; i < COUNT(composite); i++) {
    if (composite[i]) continue;
    mix(i);
    for (u32 j = 2 * i; j < COUNT(composite); j += i) composite[j] = 1;
  }
  /* Life on a torus. */
  static u8 board[2][64][64];
  for (int i = 0; i < 64 * 64; i++) board[0][i / 64][i % 64] = (next_random() >> 20 & 3) == 0;
  for (int step = 0; step < 12; step++) {
    u8 (*now)[64] = board[step & 1], (*then)[64] = board[~step & 1];
    for (int y = 0; y < 64; y++) for (int x = 0; x < 64; x++) {
      int n = 0;
      for (int dy = -1; dy <= 1; dy++) for (int dx = -1; dx <= 1; dx++) n += (dy | dx) != 0 && now[(y + dy) & 63][(x + dx) & 63];
      then[y][x] = n == 3 || (n == 2 && now[y][x]);
    }
  }
  mix_bytes(board, sizeof board);
}
