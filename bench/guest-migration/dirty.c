/* What a migration is measured by: `dirty MIB RATE` writes a word to one page after the other of so many MiB, at so many MB/s of pages, until it is killed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096
#define STEPS_PER_SECOND 200

int main(int argc, char **argv)
{
	size_t pages = (size_t)(argc > 1 ? atoi(argv[1]) : 64) * 256, rate = (size_t)(argc > 2 ? atoi(argv[2]) : 50) * 1000000 / PAGE;
	uint8_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec next;
	uint32_t random = 1;
	uint64_t count = 0;

	if (memory == MAP_FAILED || pages == 0 || rate < STEPS_PER_SECOND)
		return 1;
	/* Pages that do not compress to nothing. */
	for (size_t at = 0; at < pages * PAGE; at += 4) {
		random = random * 1664525 + 1013904223;
		*(uint32_t *)(memory + at) = at % 16 < 8 ? random : 0;
	}
	printf("ready\n");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		for (size_t n = 0; n < rate / STEPS_PER_SECOND; n++, count++)
			*(volatile uint64_t *)(memory + count % pages * PAGE) = count;
		next.tv_nsec += 1000000000 / STEPS_PER_SECOND;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}
