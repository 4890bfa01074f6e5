/* A network frontend with random requests and frames. */
#include "guest.h"

#define TX ((volatile uint32_t *)RINGS)
#define RX ((volatile uint32_t *)(RINGS + 4096))
#define MOST_WAITS 3000
enum { REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT };
static const char FRONT[] = "device/vif/0";

/* A frame that a network reads beyond its first bytes, sent to nobody that there is. */
static void write_frame(uint32_t page, uint32_t offset) {
  volatile uint8_t *at = (volatile uint8_t *)(word)(DATA + page * 4096 + offset % 2048);
  static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x16, 0x3e, 1, 2, 3, 8, 0, 0x45, 0, 0, 84, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 2, 15, 10, 0, 2, 200};
  for (uint32_t i = 0; i < sizeof head; i++) at[i] = head[i];
  if (chance(3)) at[12] = 8, at[13] = 6;
  if (chance(6)) at[12] = 0x86, at[13] = 0xdd;
  at[17] = (uint8_t)rnd();
  at[23] = (uint8_t)(chance(3) ? 1 : chance(2) ? 6 : 17);
  for (uint32_t i = sizeof head; i < sizeof head + 40; i++) at[i] = (uint8_t)rnd();
  if (chance(2)) at[36] = 0, at[37] = 67;
  if (chance(4)) at[below(sizeof head)] = (uint8_t)rnd();
  /* whoever it was meant for, it goes to the network's own range, where nobody listens */
  at[30] = 10, at[31] = 0, at[32] = 2, at[33] = (uint8_t)(100 + below(150));
}

static void send(uint32_t index) {
  volatile uint32_t *slot = TX + 16 + (index % 256) * 3;
  uint32_t page = below(DATA_PAGES);
  uint32_t offset = chance(20) ? rnd() & 0xffff : below(2000);
  uint32_t flags = chance(3) ? rnd() & 15 : chance(20) ? rnd() & 0xffff : 0;
  write_frame(page, offset);
  slot[0] = chance(30) ? odd_32() : FIRST_REF + 2 + page;
  slot[1] = offset | flags << 16;
  slot[2] = (rnd() & 0xffff) | (chance(20) ? rnd() & 0xffff : 60 + below(1500)) << 16;
}

static void offer(uint32_t index) {
  volatile uint32_t *slot = RX + 16 + (index % 256) * 2;
  slot[0] = rnd();
  slot[1] = chance(30) ? odd_32() : FIRST_REF + 2 + below(DATA_PAGES);
}

static int connect(struct device *device) {
  for (uint32_t i = 0; i < 2048; i++) TX[i] = 0;
  TX[RSP_EVENT] = RX[RSP_EVENT] = 1;
  grant(FIRST_REF, RINGS >> 12, 1);
  grant(FIRST_REF + 1, (RINGS >> 12) + 1, 1);
  if (!begin_device(device, FRONT)) return 0;
  device->port = new_port();
  store_write_number(FRONT, "tx-ring-ref", FIRST_REF);
  store_write_number(FRONT, "rx-ring-ref", FIRST_REF + 1);
  store_write_number(FRONT, "event-channel", device->port);
  store_write(FRONT, "request-rx-copy", "1");
  store_write(FRONT, "feature-rx-notify", "1");
  store_write(FRONT, "feature-sg", chance(2) ? "1" : "0");
  store_write(FRONT, "feature-gso-tcpv4", chance(2) ? "1" : "0");
  return connect_device(device, 4);
}

void attack_net(void) {
  struct device device = {0};
  open_store();
  open_grants();
  for (uint32_t i = 0; i < DATA_PAGES; i++) grant_something(FIRST_REF + 2 + i);
  for (;;) {
    if (!connect(&device)) {
      if (++report->refused > 100) end(ENDED_STUCK);
      continue;
    }
    uint32_t sent = 0;
    uint32_t offered = 0;
    uint32_t answered = 0;
    for (uint32_t waits = 0; waits < MOST_WAITS;) {
      uint32_t responses = TX[RSP_PROD];
      if (responses - answered > 256) break;
      if (responses != answered) waits = 0;
      answered = responses;
      uint32_t room = 256 - (sent - answered);
      for (uint32_t count = below(room + 1) % 40; count > 0; count--) {
        send(sent++);
        step();
      }
      for (uint32_t count = below(40); count > 0 && offered - RX[RSP_PROD] < 256; count--) offer(offered++);
      TX[RSP_EVENT] = answered + 1;
      RX[RSP_EVENT] = RX[RSP_PROD] + 1;
      TX[REQ_PROD] = sent;
      RX[REQ_PROD] = offered;
      if (chance(20000)) (chance(2) ? TX : RX)[below(4)] = odd_32();
      notify(device.port);
      disturb(2);
      if (room == 0 || chance(8)) yield(), waits++;
    }
  }
}
