/*
 * Planets in double precision. Products that are added are fused by name, as the compiler fuses them by itself for
 * AArch64, so that other machines round alike.
 */
#include <math.h>
#include <string.h>
#include "bench.h"

enum { BODIES = 5, STEPS = 300000 };
static const double SOLAR_MASS = 39.47841760435743, YEAR = 365.24;
struct body { double x[3], v[3], mass; };

/* Positions in astronomical units, velocities in those per day, masses in solar ones. */
static const struct body start[BODIES] = {
  {{0, 0, 0}, {0, 0, 0}, 1},
  {{4.84143144246472082, -1.16032004402742839, -0.103622044471123109}, {1.66007664274403694e-3, 7.69901118419740425e-3, -6.90460016972063023e-5}, 9.54791938424326609e-4},
  {{8.34336671824457987, 4.12479856412430479, -0.403523417114321381}, {-2.76742510726411e-3, 4.99852801234917238e-3, 2.30417297573763929e-5}, 2.85885980666130812e-4},
  {{12.8943695621391310, -15.1111514016986312, -0.223307578892655734}, {2.96460137564761618e-3, 2.37847173959480950e-3, -2.96589568540237556e-5}, 4.36624404335156298e-5},
  {{15.3796971148509165, -25.9193146099879641, 0.179258772950371181}, {2.68067772490389322e-3, 1.62824170038242295e-3, -9.51592254519715870e-5}, 5.15138902046611451e-5},
};

static double dot(const double *a, const double *b) { return fma(a[2], b[2], fma(a[1], b[1], a[0] * b[0])); }

static NOINLINE void advance(struct body *bodies, double dt) {
  for (struct body *a = bodies; a < bodies + BODIES; a++)
    for (struct body *b = a + 1; b < bodies + BODIES; b++) {
      const double d[3] = {a->x[0] - b->x[0], a->x[1] - b->x[1], a->x[2] - b->x[2]};
      const double squared = dot(d, d), pull = dt / (squared * sqrt(squared));
      const double of_a = a->mass * pull, of_b = b->mass * pull;
      for (int n = 0; n < 3; n++) {
        a->v[n] = fma(-d[n], of_b, a->v[n]);
        b->v[n] = fma(d[n], of_a, b->v[n]);
      }
    }
  for (struct body *b = bodies; b < bodies + BODIES; b++)
    for (int n = 0; n < 3; n++) b->x[n] = fma(dt, b->v[n], b->x[n]);
}

uint64_t n_body(void) {
  struct body bodies[BODIES];
  double momentum[3] = {0, 0, 0};
  memcpy(bodies, start, sizeof start);
  for (int n = 0; n < BODIES; n++) {
    bodies[n].mass *= SOLAR_MASS;
    for (int axis = 0; axis < 3; axis++) {
      bodies[n].v[axis] *= YEAR;
      momentum[axis] = fma(bodies[n].v[axis], bodies[n].mass, momentum[axis]);
    }
  }
  for (int axis = 0; axis < 3; axis++) bodies[0].v[axis] = -momentum[axis] / SOLAR_MASS;
  for (int step = 0; step < STEPS; step++) advance(bodies, 0.01);
  return hash_bytes(HASH_START, bodies, sizeof bodies);
}
