/* Pointer chase over more than an L2 cache holds, and copies of several sizes. */
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum { NODES = 131072 };    /* 8 MiB */

struct node { struct node *next; uint64_t value, rest[6]; };

uint64_t pointer_chase(void) {
  struct node *nodes = aligned_alloc(64, NODES * sizeof *nodes);
  if (!nodes) fail("allocating");
  for (uint64_t n = 0; n < NODES; n++) nodes[n] = (struct node){&nodes[n], n * n, {0}};
  /* Sattolo's shuffle: one cycle through all. */
  uint64_t random = 4711, sum = 0;
  for (uint64_t n = NODES - 1; n > 0; n--) {
    const uint64_t other = next_random(&random) % n;
    struct node *next = nodes[n].next;
    nodes[n].next = nodes[other].next;
    nodes[other].next = next;
  }
  const struct node *at = nodes;
  for (int n = 0; n < 1500000; n++) {
    sum = sum * 3 + at->value;
    at = at->next;
  }
  free(nodes);
  return sum;
}

uint64_t memory_copy(void) {
  static const struct { size_t bytes; int times; } copies[] = {{13, 1000000}, {64, 1000000}, {256, 600000}, {1500, 150000}, {4096, 80000}, {65536, 5000}, {4194304, 80}};
  enum { ROOM = 4194304 };
  /*
   * Their distance is no round number of pages: a TLB that is indexed by the lower bits of the page number would hold only
   * one of them at a time. And it is half a page more, so that to the host no load seems to be of what was just stored.
   */
  enum { DISTANCE = ROOM + 37 * 4096 + 2048 };
  uint8_t *from = aligned_alloc(4096, 2 * DISTANCE), *to = from + DISTANCE;
  if (!from) fail("allocating");
  uint64_t random = 1234567, sum = HASH_START;
  for (size_t n = 0; n < ROOM + 64; n++) from[n] = (uint8_t)next_random(&random);
  for (size_t kind = 0; kind < sizeof copies / sizeof *copies; kind++) {
    const size_t bytes = copies[kind].bytes;
    for (int n = 0; n < copies[kind].times; n++) {
      /* Each copy starts elsewhere and changes something, so none can be left out. */
      uint8_t *volatile target = to + (n & 31);
      memcpy(target, from + (n & 15), bytes);
      from[n & 15] += target[bytes - 1] + 1;
    }
    sum = hash_bytes(sum, to, bytes < 65536 ? bytes : 65536);
  }
  free(from);
  return sum;
}
