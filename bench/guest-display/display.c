/*
 * What a display is measured by: `display frames` draws the whole screen anew as fast as it can, each frame in colours that
 * follow from its number; `display keys` draws a square anew whenever a key goes down. By DRM's dumb buffers, as any simple program would.
 */
#include <dirent.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_INPUTS 16
#define SQUARE 64
#define BLOCK 8

static int card;
static uint32_t width, height, pitch, fb;
static uint32_t *pixels;

static void fail(const char *what)
{
	printf("display: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ask(unsigned long request, void *argument, const char *what)
{
	if (ioctl(card, request, argument) < 0)
		fail(what);
}

static void open_display(void)
{
	uint32_t crtcs[8], connectors[8], encoders[8];
	struct drm_mode_card_res resources = {
		.crtc_id_ptr = (uintptr_t)crtcs, .connector_id_ptr = (uintptr_t)connectors, .encoder_id_ptr = (uintptr_t)encoders,
		.count_crtcs = 8, .count_connectors = 8, .count_encoders = 8,
	};
	struct drm_mode_modeinfo modes[64];
	struct drm_mode_get_connector connector = { .modes_ptr = (uintptr_t)modes };
	struct drm_mode_create_dumb dumb = { .bpp = 32 };
	struct drm_mode_fb_cmd framebuffer = { .bpp = 32, .depth = 24 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_crtc crtc = { .count_connectors = 1, .mode_valid = 1 };

	card = open("/dev/dri/card0", O_RDWR);
	if (card < 0)
		fail("/dev/dri/card0");
	ask(DRM_IOCTL_MODE_GETRESOURCES, &resources, "resources");
	connector.connector_id = connectors[0];
	ask(DRM_IOCTL_MODE_GETCONNECTOR, &connector, "connector");
	connector.count_props = connector.count_encoders = 0;
	if (connector.count_modes > 64)
		connector.count_modes = 64;
	ask(DRM_IOCTL_MODE_GETCONNECTOR, &connector, "modes");
	if (connector.count_modes == 0)
		fail("no mode");
	dumb.width = width = modes[0].hdisplay;
	dumb.height = height = modes[0].vdisplay;
	ask(DRM_IOCTL_MODE_CREATE_DUMB, &dumb, "buffer");
	framebuffer.width = width;
	framebuffer.height = height;
	framebuffer.pitch = pitch = dumb.pitch;
	framebuffer.handle = map.handle = dumb.handle;
	ask(DRM_IOCTL_MODE_ADDFB, &framebuffer, "framebuffer");
	fb = framebuffer.fb_id;
	ask(DRM_IOCTL_MODE_MAP_DUMB, &map, "map");
	pixels = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, map.offset);
	if (pixels == MAP_FAILED)
		fail("mmap");
	crtc.crtc_id = crtcs[0];
	crtc.fb_id = fb;
	crtc.mode = modes[0];
	crtc.set_connectors_ptr = (uintptr_t)&connectors[0];
	ask(DRM_IOCTL_MODE_SETCRTC, &crtc, "mode");
}

/* The first pixel has the colour itself; the others are in blocks of several, if these have a size. */
static void draw(uint32_t colour, uint32_t to_x, uint32_t to_y, uint32_t block)
{
	struct drm_clip_rect clip = { 0, 0, to_x, to_y };
	struct drm_mode_fb_dirty_cmd dirty = { .fb_id = fb, .num_clips = 1, .clips_ptr = (uintptr_t)&clip };

	for (uint32_t y = 0; y < to_y; y++) {
		uint32_t *row = pixels + y * (pitch / 4);
		for (uint32_t x = 0; x < to_x; x++)
			row[x] = block ? (colour * 0x010305 + (x / block) * 0x000711 + (y / block) * 0x050201) & 0xffffff : colour;
	}
	pixels[0] = colour;
	ask(DRM_IOCTL_MODE_DIRTYFB, &dirty, "dirty");
}

static int open_inputs(struct pollfd *inputs)
{
	char path[64];
	int count = 0;

	for (int n = 0; n < MOST_INPUTS; n++) {
		snprintf(path, sizeof path, "/dev/input/event%d", n);
		int fd = open(path, O_RDONLY);
		if (fd >= 0)
			inputs[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	return count;
}

int main(int argc, char **argv)
{
	struct pollfd inputs[MOST_INPUTS];
	struct input_event event;
	uint32_t number = 0;

	open_display();
	draw(0, width, height, 0);
	printf("ready %u %u\n", width, height);
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "frames") == 0)
		for (;;)
			draw(++number & 0xffffff, width, height, BLOCK);
	int count = open_inputs(inputs);
	while (poll(inputs, count, -1) > 0)
		for (int n = 0; n < count; n++)
			if (inputs[n].revents & POLLIN && read(inputs[n].fd, &event, sizeof event) == sizeof event && event.type == EV_KEY && event.value == 1)
				draw(++number & 1 ? 0xffffff : 0, SQUARE, SQUARE, 0);
	return 0;
}
