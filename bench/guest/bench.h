/* The workloads of the bench, one function each. All give a checksum that is the same on every machine that computes right. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* So that the compiler makes the calls and loops which a workload is about. */
#define NOINLINE __attribute__((noinline, noclone))

uint64_t integer_loop(void), pointer_chase(void), memory_copy(void), recursion(void), mixed(void), indirect_calls(void);
uint64_t n_body(void), vectors(void), sha256(void);
uint64_t system_calls(void), fork_and_exec(void), page_faults(void), self_modifying(void);
uint64_t shell_loop(void);
uint64_t long_shell_loop(void);
void make_gzip_data(void);
uint64_t compress(void), hash_of_decompressed(void);
void connect_to_host(void), connect_to_guest(void);
uint64_t tcp_send(void), tcp_receive(void), tcp_serve(void);

/* Where this program lies. */
extern const char *program;

/* One line on stderr and the end: a workload could not do its work. */
void fail(const char *what) __attribute__((noreturn));

/* xorshift64: the same numbers everywhere. */
static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

/* FNV-1a, over bytes or a value at a time. */
#define HASH_START 0xcbf29ce484222325u
static inline uint64_t hash_value(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x100000001b3u; }
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length) {
  for (size_t n = 0; n < length; n++) hash = hash_value(hash, ((const uint8_t *)bytes)[n]);
  return hash;
}
