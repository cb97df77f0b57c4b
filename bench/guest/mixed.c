/* What CoreMark is made of: a linked list, a small integer matrix, a state machine over text, and a CRC of it all. */
#include <string.h>
#include "bench.h"

static uint16_t crc16(uint16_t crc, uint32_t value, int bits) {
  for (int n = 0; n < bits; n++, value >>= 1) {
    const unsigned carry = (crc ^ value) & 1;
    crc >>= 1;
    if (carry) crc ^= 0xa001;
  }
  return crc;
}

/* The list. */
struct item { struct item *next; int16_t key, data; };
enum { ITEMS = 400 };

static NOINLINE struct item *reverse(struct item *list) {
  struct item *done = 0;
  while (list) {
    struct item *next = list->next;
    list->next = done;
    done = list;
    list = next;
  }
  return done;
}

static NOINLINE struct item *find(struct item *list, int16_t data) {
  while (list && list->data != data) list = list->next;
  return list;
}

static int by_key(const struct item *a, const struct item *b) { return a->key - b->key; }
static int by_data(const struct item *a, const struct item *b) { return a->data - b->data; }

static NOINLINE struct item *merge_sort(struct item *list, int (*compare)(const struct item *, const struct item *)) {
  if (!list || !list->next) return list;
  struct item *slow = list, *fast = list->next;
  while (fast && fast->next) { slow = slow->next; fast = fast->next->next; }
  struct item *right = merge_sort(slow->next, compare);
  slow->next = 0;
  struct item *left = merge_sort(list, compare), *head = 0, **tail = &head;
  while (left && right) {
    struct item **from = compare(left, right) <= 0 ? &left : &right;
    *tail = *from;
    tail = &(*from)->next;
    *from = *tail;
  }
  *tail = left ? left : right;
  return head;
}

static uint16_t list_part(struct item *items, uint16_t crc, int round) {
  struct item *list = items;
  for (int n = 0; n < ITEMS; n++) items[n] = (struct item){n + 1 < ITEMS ? &items[n + 1] : 0, (int16_t)((n * 7919 + round) & 0x7fff), (int16_t)((n * 104729 + 3 * round) & 0x1ff)};
  for (int n = 0; n < 20; n++) {
    const struct item *found = find(list, (int16_t)((n * 37 + round) & 0x1ff));
    crc = crc16(crc, found ? (uint16_t)found->key : 0xffff, 16);
    list = reverse(list);
  }
  list = merge_sort(list, by_data);
  crc = crc16(crc, (uint16_t)list->key, 16);
  list = merge_sort(list, by_key);
  for (const struct item *at = list; at; at = at->next) crc ^= (uint16_t)(at->data + (crc << 1));
  return crc;
}

/* The matrix. */
enum { SIDE = 24 };

static NOINLINE uint32_t matrix_part(int round) {
  static int16_t a[SIDE][SIDE], b[SIDE][SIDE];
  static int32_t c[SIDE][SIDE];
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) { a[y][x] = (int16_t)(x * y + round); b[y][x] = (int16_t)(x - y * round); }
  uint32_t sum = 0;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      uint32_t value = 0;
      for (int n = 0; n < SIDE; n++) value += (uint32_t)(a[y][n] * b[n][x]);
      c[y][x] = (int32_t)value;
      sum += value > sum ? 10 : ((value >> 2) & 15) * ((value >> 5) & 127);
    }
  return sum + (uint32_t)c[round % SIDE][3];
}

/* The state machine: what kind of number each word is. */
enum state { START, SIGN, INTEGER, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, INVALID, STATES };

static NOINLINE enum state word_kind(const char **text, unsigned *visits) {
  enum state state = START;
  const char *at = *text;
  for (; *at && *at != ','; at++) {
    const char c = *at;
    const int digit = c >= '0' && c <= '9', sign = c == '+' || c == '-';
    switch (state) {
      case START: state = digit ? INTEGER : sign ? SIGN : c == '.' ? FRACTION : INVALID; break;
      case SIGN: state = digit ? INTEGER : c == '.' ? FRACTION : INVALID; break;
      case INTEGER: state = digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : INVALID; break;
      case FRACTION: state = digit ? FRACTION : c == 'e' ? EXPONENT : INVALID; break;
      case EXPONENT: state = digit ? SCIENTIFIC : sign ? EXPONENT_SIGN : INVALID; break;
      case EXPONENT_SIGN: state = digit ? SCIENTIFIC : INVALID; break;
      case SCIENTIFIC: state = digit ? SCIENTIFIC : INVALID; break;
      default: break;
    }
    visits[state]++;
  }
  *text = *at ? at + 1 : at;
  return state;
}

static uint16_t state_part(uint16_t crc, int round) {
  static const char words[] = "5012,1234,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,-.123e-2,-87e+832,+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,";
  char text[sizeof words];
  unsigned visits[STATES] = {0}, ends[STATES] = {0};
  memcpy(text, words, sizeof words);
  for (unsigned n = (unsigned)round % 11; n < sizeof words - 1; n += 11) if (text[n] != ',') text[n] ^= (char)(round & 7);
  for (int n = 0; n < 10; n++) for (const char *at = text; *at;) ends[word_kind(&at, visits)]++;
  for (int n = 0; n < STATES; n++) crc = crc16(crc, visits[n] ^ (ends[n] << 8), 32);
  return crc;
}

uint64_t mixed(void) {
  static struct item items[ITEMS];
  uint16_t crc = 0xffff;
  uint64_t sum = HASH_START;
  for (int round = 0; round < 1500; round++) {
    crc = list_part(items, crc, round);
    crc = crc16(crc, matrix_part(round), 32);
    crc = state_part(crc, round);
    sum = hash_value(sum, crc);
  }
  return sum;
}
