/* What the self-tests share: they mix all their results into a digest, which main.c prints for each. No C library. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef unsigned __int128 u128;
typedef __int128 i128;

#define NOINLINE __attribute__((noinline, noclone))
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

void mix(u64 value);
void mix_bytes(const void *from, size_t bytes);
static inline void mix_double(double d) { u64 bits; __builtin_memcpy(&bits, &d, 8); mix(bits); }
static inline void mix_float(float f) { u32 bits; __builtin_memcpy(&bits, &f, 4); mix(bits); }

/* Random numbers, the same in each run. */
u64 next_random(void);
/* Integers where bugs are: around powers of two, extremes, small ones, any. */
u64 next_odd(void);

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

void test_integers(void);
void test_wide_integers(void);
void test_bits(void);
void test_memory(void);
void test_strings(void);
void test_sorting(void);
void test_hashes(void);
void test_coding(void);
void test_puzzles(void);
void test_doubles(void);
void test_floats(void);
void test_conversions(void);
void test_rounding(void);
void test_functions(void);
void test_vector_loops(void);
void test_vector_bytes(void);
void test_intrinsics(void);
void test_varargs(void);
void test_calls(void);
void test_switches(void);
void test_jumps(void);
void test_atomics(void);
void test_exclusives(void);
