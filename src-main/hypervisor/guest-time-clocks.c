/*
 * For tests of guest time: `clocks SECONDS` reads CLOCK_MONOTONIC on each CPU as fast as it can and tells how often it went
 * backwards, also from one CPU to another, and the longest step from one read to the next that was not due to another's turn:
 * the shortest of the longest steps on each CPU.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MOST 8
static atomic_uint_least64_t latest;
static uint64_t until;
static struct { uint64_t reads, backward, step; } counts[MOST];

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void *read_on(void *argument)
{
	int cpu = (int)(intptr_t)argument;
	uint64_t last = now();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof set, &set);
	while (last < until) {
		uint64_t seen = atomic_load(&latest), time = now();
		counts[cpu].reads++;
		if (time < seen || time < last)
			counts[cpu].backward++;
		else if (time - last > counts[cpu].step)
			counts[cpu].step = time - last;
		last = time;
		while (seen < time && !atomic_compare_exchange_weak(&latest, &seen, time))
			;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[MOST];
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t reads = 0, backward = 0, step = UINT64_MAX;

	until = now() + (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000000ull;
	for (int cpu = 0; cpu < cpus; cpu++)
		pthread_create(&threads[cpu], NULL, read_on, (void *)(intptr_t)cpu);
	for (int cpu = 0; cpu < cpus; cpu++) {
		pthread_join(threads[cpu], NULL);
		reads += counts[cpu].reads;
		backward += counts[cpu].backward;
		if (counts[cpu].step < step)
			step = counts[cpu].step;
	}
	printf("cpus %d reads %llu backward %llu step %llu\n", cpus, (unsigned long long)reads, (unsigned long long)backward, (unsigned long long)step);
	return 0;
}
