/* Recursion that is mostly calls and returns. */
#include "bench.h"

static NOINLINE uint64_t fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static NOINLINE unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static NOINLINE int takeuchi(int x, int y, int z) {
  return y >= x ? z : takeuchi(takeuchi(x - 1, y, z), takeuchi(y - 1, z, x), takeuchi(z - 1, x, y));
}

static NOINLINE unsigned queens(unsigned all, unsigned columns, unsigned left, unsigned right) {
  unsigned found = columns == all;
  for (unsigned free = all & ~(columns | left | right); free; free &= free - 1) {
    const unsigned place = free & -free;
    found += queens(all, columns | place, (left | place) << 1, (right | place) >> 1);
  }
  return found;
}

uint64_t recursion(void) {
  uint64_t sum = fibonacci(34);
  sum = hash_value(sum, ackermann(2, 2000));
  sum = hash_value(sum, (uint64_t)takeuchi(18, 12, 6));
  return hash_value(sum, queens((1 << 9) - 1, 0, 0, 0));
}
