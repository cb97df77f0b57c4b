/*
 * TCP with whoever is at the other end: the host behind the NAT, on the port that the environment variable bench_port
 * names, or the guest beside this one. The end that connects says with one byte who sends. Every block of the stream
 * begins with its number; the end that receives hashes these, and tells the other.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

enum { BLOCK = 4096, CHUNK = 16 * BLOCK, BYTES = 128 << 20, GUEST_PORT = 7, TRIES = 300 };
#define OWN_ADDRESS "10.0.2.15"
#define BESIDE_ADDRESS "10.0.2.16"
#define HOST_ADDRESS "10.0.2.2"

static uint8_t chunk[CHUNK];
static int peer = -1;

/* The drivers that the initrd has, in its order. */
static void insert_modules(void) {
  char name[64], path[96];
  FILE *order = fopen("/modules/order", "r");
  if (!order) fail("opening /modules/order");
  while (fscanf(order, "%63s", name) == 1) {
    snprintf(path, sizeof path, "/modules/%s.ko", name);
    const int module = open(path, O_RDONLY);
    if (module < 0) fail(path);
    if (syscall(SYS_finit_module, module, "", 0) && errno != EEXIST && errno != ENODEV) fail(path);
    close(module);
  }
  fclose(order);
}

static struct sockaddr_in address_of(const char *text, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

static void set_address(int socket, unsigned long request, const char *text) {
  struct ifreq to = {.ifr_name = "eth0"};
  const struct sockaddr_in address = address_of(text, 0);
  memcpy(&to.ifr_addr, &address, sizeof address);
  if (ioctl(socket, request, &to)) fail("giving eth0 an address");
}

static void network_up(const char *address) {
  insert_modules();
  const int any = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq up = {.ifr_name = "eth0", .ifr_flags = IFF_UP | IFF_RUNNING};
  for (int n = 0; ioctl(any, SIOCGIFINDEX, &(struct ifreq){.ifr_name = "eth0"}); n++, usleep(20000)) if (n == TRIES) fail("finding eth0");
  set_address(any, SIOCSIFADDR, address);
  set_address(any, SIOCSIFNETMASK, "255.255.255.0");
  if (ioctl(any, SIOCSIFFLAGS, &up)) fail("turning eth0 on");
  close(any);
}

/* The other end may not be up yet. */
static void connect_to(const char *text, int port) {
  const struct sockaddr_in address = address_of(text, port);
  if (peer >= 0) close(peer);
  for (int n = 0; n < TRIES; n++, usleep(100000)) {
    peer = socket(AF_INET, SOCK_STREAM, 0);
    if (!connect(peer, (const struct sockaddr *)&address, sizeof address)) return;
    close(peer);
  }
  fail("connecting");
}

void connect_to_host(void) {
  const char *port = getenv("bench_port");
  network_up(OWN_ADDRESS);
  connect_to(HOST_ADDRESS, port ? atoi(port) : 0);
}

void connect_to_guest(void) {
  network_up(BESIDE_ADDRESS);
  connect_to(OWN_ADDRESS, GUEST_PORT);
}

static void send_whole(const void *bytes, size_t length) {
  for (size_t at = 0; at < length;) {
    const ssize_t sent = send(peer, (const uint8_t *)bytes + at, length - at, MSG_NOSIGNAL);
    if (sent <= 0) fail("sending");
    at += sent;
  }
}

static void receive_whole(void *bytes, size_t length) {
  if (recv(peer, bytes, length, MSG_WAITALL) != (ssize_t)length) fail("receiving");
}

uint64_t tcp_send(void) {
  uint64_t sum, block = 0;
  send_whole(">", 1);
  for (size_t done = 0; done < BYTES; done += CHUNK) {
    for (size_t at = 0; at < CHUNK; at += BLOCK, block++) memcpy(chunk + at, &block, sizeof block);
    send_whole(chunk, CHUNK);
  }
  receive_whole(&sum, sizeof sum);
  return sum;
}

static uint64_t receive_all(void) {
  uint64_t sum = HASH_START, block;
  for (size_t done = 0; done < BYTES; done += CHUNK) {
    receive_whole(chunk, CHUNK);
    for (size_t at = 0; at < CHUNK; at += BLOCK) {
      memcpy(&block, chunk + at, sizeof block);
      sum = hash_value(sum, block);
    }
  }
  return sum;
}

uint64_t tcp_receive(void) {
  send_whole("<", 1);
  return receive_all();
}

uint64_t tcp_serve(void) {
  const struct sockaddr_in address = address_of("0.0.0.0", GUEST_PORT);
  network_up(OWN_ADDRESS);
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listening, (const struct sockaddr *)&address, sizeof address) || listen(listening, 1)) fail("listening");
  peer = accept(listening, 0, 0);
  receive_whole(chunk, 1);
  const uint64_t sum = receive_all();
  send_whole(&sum, sizeof sum);
  return sum;
}
