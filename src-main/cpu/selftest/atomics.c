/* Atomics by the compiler's builtins, as LDXR and STXR or as the instructions of Armv8.1; and exclusives by hand. */
#include "selftest.h"

#define OPERATIONS(name, type) \
static type name##_cell; \
static NOINLINE void name(type v, type w) { \
  mix((u64)__atomic_fetch_add(&name##_cell, v, __ATOMIC_SEQ_CST)); mix((u64)__atomic_sub_fetch(&name##_cell, w, __ATOMIC_RELAXED)); \
  mix((u64)__atomic_fetch_and(&name##_cell, (type)(v | 0x55), __ATOMIC_ACQUIRE)); mix((u64)__atomic_fetch_or(&name##_cell, w, __ATOMIC_RELEASE)); \
  mix((u64)__atomic_xor_fetch(&name##_cell, v, __ATOMIC_ACQ_REL)); mix((u64)__atomic_fetch_nand(&name##_cell, w, __ATOMIC_SEQ_CST)); \
  mix((u64)__atomic_exchange_n(&name##_cell, (type)(v + w), __ATOMIC_SEQ_CST)); \
  type expected = (v & 1) != 0 ? (type)(v + w) : v; \
  mix(__atomic_compare_exchange_n(&name##_cell, &expected, w, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)); mix((u64)expected); \
  mix((u64)__atomic_load_n(&name##_cell, __ATOMIC_ACQUIRE)); __atomic_store_n(&name##_cell, (type)(v ^ w), __ATOMIC_RELEASE); \
}
OPERATIONS(on_byte, u8) OPERATIONS(on_half, i16) OPERATIONS(on_word, u32) OPERATIONS(on_long, i64)

static u32 lock;
static struct node { struct node *next; u64 value; } nodes[64], *list;

static NOINLINE void push(struct node *node) {
  struct node *head = __atomic_load_n(&list, __ATOMIC_RELAXED);
  do node->next = head; while (!__atomic_compare_exchange_n(&list, &head, node, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static NOINLINE struct node *pop(void) {
  struct node *head = __atomic_load_n(&list, __ATOMIC_ACQUIRE);
  while (head != NULL && !__atomic_compare_exchange_n(&list, &head, head->next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
  return head;
}

void test_atomics(void) {
  for (int n = 0; n < 3000; n++) {
    u64 v = next_odd(), w = next_random();
    on_byte((u8)v, (u8)w); on_half((i16)v, (i16)w); on_word((u32)v, (u32)w); on_long((i64)v >> 2, (i64)w >> 2);
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0);
    nodes[n & 63].value += v;
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    if (n < 64 || (w & 3) == 0) { struct node *node = n < 64 ? &nodes[n] : pop(); if (node != NULL) { mix(node->value); push(node); } }
    if ((n & 255) == 255) { __atomic_thread_fence(__ATOMIC_SEQ_CST); struct node *a = pop(), *b = pop(); push(a); push(b); }
  }
  for (struct node *node = list; node != NULL; node = node->next) mix(node->value + (u64)(node - nodes));
}

static _Alignas(16) u64 pair[2];

static NOINLINE u32 store_pair(u64 low, u64 high, int disturb) {
  u64 a, b;
  u32 failed;
  __asm__ volatile("ldxp %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(pair) : "memory");
  if (disturb == 1) __asm__ volatile("clrex" ::: "memory");
  __asm__ volatile("stxp %w0, %1, %2, [%3]" : "=&r"(failed) : "r"(low), "r"(high), "r"(pair) : "memory");
  mix(a); mix(b);
  return failed;
}

void test_exclusives(void) {
  for (int n = 0; n < 2500; n++) {
    mix(store_pair(next_random(), next_odd(), n % 3));
    u32 failed;
    u64 old;
    __asm__ volatile("1: ldaxr %0, [%2]\n add %0, %0, %3\n stlxr %w1, %0, [%2]\n cbnz %w1, 1b" : "=&r"(old), "=&r"(failed) : "r"(&pair[n & 1]), "r"((u64)n) : "memory");
    mix(old + failed);
    __asm__ volatile("ldxrb %w0, [%2]\n stxrb %w1, %w3, [%2]" : "=&r"(old), "=&r"(failed) : "r"((u8 *)pair + (n & 15)), "r"(n) : "memory");
    mix((u8)old + failed);
  }
  mix(pair[0] ^ pair[1]);
}
