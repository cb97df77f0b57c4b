/*
 * What a migration is measured by:
 *   load dirty MIB RATE    writes a word to one page after the other of so many MiB, at so many MB/s of pages, until it is killed
 *   load answer PORT       sends back every datagram
 *   load ask ADDRESS PORT  sends one each 5 ms, and prints each quarter of a second the longest time between two answers
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#define PAGE 4096
#define STEPS_PER_SECOND 200
#define ASK_NS 5000000
#define TELL_NS 250000000

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int dirty(size_t pages, size_t rate)
{
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

static int answer(int port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) }, from;
	char bytes[64];
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&own, sizeof own) < 0)
		return 1;
	for (;;) {
		socklen_t length = sizeof from;
		ssize_t count = recvfrom(s, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);

		if (count > 0)
			sendto(s, bytes, count, 0, (struct sockaddr *)&from, length);
	}
}

static int ask(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct pollfd one = { .fd = socket(AF_INET, SOCK_DGRAM, 0), .events = POLLIN };
	int64_t sent = 0, heard = 0, told = now_ns(), longest = 0;
	char bytes[64] = "?";

	if (one.fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return 1;
	for (;;) {
		int64_t now = now_ns();

		if (now - sent >= ASK_NS) {
			sendto(one.fd, bytes, 1, 0, (struct sockaddr *)&to, sizeof to);
			sent = now;
		}
		if (poll(&one, 1, 1) > 0 && recv(one.fd, bytes, sizeof bytes, 0) > 0) {
			now = now_ns();
			if (heard != 0 && now - heard > longest)
				longest = now - heard;
			heard = now;
		}
		if (now - told >= TELL_NS && heard != 0) {
			printf("longest %lld us\n", (long long)(longest / 1000));
			fflush(stdout);
			told = now;
			longest = 0;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "dirty") == 0)
		return dirty((size_t)atoi(argv[2]) * 256, (size_t)atoi(argv[3]) * 1000000 / PAGE);
	if (argc == 3 && strcmp(argv[1], "answer") == 0)
		return answer(atoi(argv[2]));
	if (argc == 4 && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], atoi(argv[3]));
	return 1;
}
