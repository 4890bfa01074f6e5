/* Random numbers that are likely to mean something. */
#include "guest.h"

static uint32_t state = 1;

void seed_random(uint32_t seed) { state = seed * 2654435761u | 1; }

uint32_t rnd(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

uint32_t below(uint32_t limit) { return (uint32_t)((uint64_t)rnd() * limit >> 32); }

int chance(uint32_t one_in) { return below(one_in) == 0; }

/* Keeps the image out of the way, as an address and as a frame. */
static uint32_t outside(uint32_t value) {
  if (value >= IMAGE_FROM && value < PLAYGROUND) return value + (PLAYGROUND - IMAGE_FROM);
  if (value >= IMAGE_FROM >> 12 && value < PLAYGROUND >> 12) return value + ((PLAYGROUND - IMAGE_FROM) >> 12);
  return value;
}

uint32_t odd_32(void) {
  switch (below(12)) {
    case 0: return 0;
    case 1: return below(4);
    case 2: return below(64);
    case 3: return DOMID_SELF;
    case 4: return DOMID_SELF | below(8) << 16;
    case 5: return (PLAYGROUND >> 12) + below((PLAYGROUND_END - PLAYGROUND) >> 12);
    case 6: return PLAYGROUND + below(PLAYGROUND_END - PLAYGROUND);
    case 7: return -below(64);
    case 8: return outside(1u << below(32));
    case 9: return 0xFEFF8 + below(8);
    case 10: return below(5000);
    default: return outside(rnd());
  }
}

/* An argument: mostly a pointer into the playground. */
word odd_word(void) {
  switch (below(10)) {
    case 0:
    case 1:
    case 2: return PLAYGROUND + (below(PLAYGROUND_END - PLAYGROUND) & ~7u);
    case 3: return PLAYGROUND + below(PLAYGROUND_END - PLAYGROUND);
    case 4: return (PLAYGROUND + (below((PLAYGROUND_END - PLAYGROUND) >> 12) + 1) * 4096) - below(48);
    case 5: return ALIAS + below(PLAYGROUND_END - PLAYGROUND);
    case 6: return HOLE + below(0x200000);
#ifdef __x86_64__
    case 7: return (word)rnd() << 32 | rnd();
#endif
    default: return odd_32();
  }
}

/* Fills words of the playground. */
void scribble(uint32_t address, uint32_t words) {
  volatile uint32_t *at = (volatile uint32_t *)(word)(address & ~3u);
  for (uint32_t i = 0; i < words && (word)(at + i) < PLAYGROUND_END; i++) at[i] = i % 2 != 0 && chance(2) ? 0 : odd_32();
}
