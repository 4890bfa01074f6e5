/* A block frontend with random requests. */
#include "guest.h"

#define RING ((volatile uint8_t *)RINGS)
#define SLOT (sizeof(word) == 8 ? 112 : 108)
#define SEGMENTS_AT (sizeof(word) == 8 ? 24 : 20)
#define MOST_WAITS 3000
enum { REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT };
static const char FRONT[] = "device/vbd/51712";

static void fill(uint32_t index) {
  volatile uint8_t *slot = RING + 64 + (index % 32) * SLOT;
  for (uint32_t i = 0; i < SLOT; i++) slot[i] = 0;
  slot[0] = (uint8_t)(chance(20) ? rnd() : below(7));
  slot[1] = (uint8_t)(chance(20) ? rnd() : below(12));
  *(volatile uint32_t *)(slot + SEGMENTS_AT - 16) = rnd(); /* id */
  *(volatile uint32_t *)(slot + SEGMENTS_AT - 8) = chance(20) ? rnd() : below(2048); /* sector */
  if (chance(50)) *(volatile uint32_t *)(slot + SEGMENTS_AT - 4) = rnd();
  for (uint32_t i = 0; i < 11; i++) {
    volatile uint32_t *segment = (volatile uint32_t *)(slot + SEGMENTS_AT + 8 * i);
    segment[0] = chance(30) ? odd_32() : FIRST_REF + 2 + below(DATA_PAGES);
    uint32_t first = below(8);
    segment[1] = chance(30) ? rnd() : first | (first + below(8 - first)) << 8;
  }
  if (chance(50)) *(volatile uint32_t *)(slot + below(SLOT / 4) * 4) = rnd();
}

static int connect(struct device *device) {
  for (uint32_t i = 0; i < 1024; i++) ((volatile uint32_t *)RINGS)[i] = 0;
  ((volatile uint32_t *)RING)[REQ_EVENT] = ((volatile uint32_t *)RING)[RSP_EVENT] = 1;
  grant(FIRST_REF, RINGS >> 12, 1);
  if (!begin_device(device, FRONT)) return 0;
  device->port = new_port();
  store_write_number(FRONT, "ring-ref", FIRST_REF);
  store_write_number(FRONT, "event-channel", device->port);
  store_write(FRONT, "protocol", sizeof(word) == 8 ? "x86_64-abi" : "x86_32-abi");
  store_write(FRONT, "feature-persistent", chance(2) ? "1" : "0");
  return connect_device(device, 3);
}

void attack_block(void) {
  struct device device = {0};
  open_store();
  open_grants();
  for (uint32_t i = 0; i < DATA_PAGES; i++) grant_something(FIRST_REF + 2 + i);
  volatile uint32_t *ring = (volatile uint32_t *)RING;
  for (;;) {
    if (!connect(&device)) {
      if (++report->refused > 100) end(ENDED_STUCK);
      continue;
    }
    uint32_t produced = 0;
    uint32_t answered = 0;
    for (uint32_t waits = 0; waits < MOST_WAITS;) {
      uint32_t responses = ring[RSP_PROD];
      if (responses - answered > 32) break;
      if (responses != answered) waits = 0;
      answered = responses;
      uint32_t room = 32 - (produced - answered);
      for (uint32_t count = below(room + 1); count > 0; count--) {
        fill(produced++);
        step();
      }
      ring[RSP_EVENT] = answered + 1;
      ring[REQ_PROD] = produced;
      if (chance(20000)) ring[below(4)] = odd_32();
      notify(device.port);
      disturb(1);
      if (room == 0 || chance(8)) yield(), waits++;
    }
  }
}
