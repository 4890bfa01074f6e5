/* What frontends of block and network devices share: grants, ports, and the way to Connected. */
#include "guest.h"

#define MOST_WAITS 100000
enum { PERMIT = 1, READ_ONLY = 4 };

void open_grants(void) {
  struct {
    uint16_t domid, size;
    uint32_t space;
    word index, gfn;
  } place = {DOMID_SELF, 0, 1, 0, GRANTS >> 12};
  hypercall(MEMORY_OP, 7, (word)&place, 0, 0, 0);
}

void grant(uint32_t ref, uint32_t frame, uint32_t flags) {
  volatile uint32_t *entry = (volatile uint32_t *)(word)(GRANTS + 8 * ref);
  entry[1] = frame;
  entry[0] = flags;
}

/* A page that may be used, or one that may not, or one that is in use for something else. */
void grant_something(uint32_t ref) {
  uint32_t frame = (DATA >> 12) + below(DATA_PAGES);
  uint32_t flags = PERMIT;
  switch (below(16)) {
    case 0: frame = odd_32(); break;
    case 1: frame = (RINGS >> 12) + below(2); break;
    case 2: flags = rnd() & 0xFFFF; break;
    case 3: flags |= READ_ONLY; break;
    case 4: flags = 0; break;
    case 5: frame = GRANTS >> 12; break;
    default: break;
  }
  grant(ref, frame, flags);
}

uint32_t new_port(void) {
  struct {
    uint16_t domid, remote;
    uint32_t port;
  } unbound = {DOMID_SELF, 0, 0};
  return hypercall(EVENT_CHANNEL_OP, EVTCHNOP_ALLOC_UNBOUND, (word)&unbound, 0, 0, 0) == 0 ? unbound.port : 0;
}

void close_port(uint32_t port) {
  if (port != 0) hypercall(EVENT_CHANNEL_OP, EVTCHNOP_CLOSE, (word)&port, 0, 0, 0);
}

/* Kept when the backend shows a state; 0 when it does not. */
static int await_state(struct device *device, char state) {
  char value[8];
  for (uint32_t i = 0; i < MOST_WAITS; i++) {
    if (store_read(device->back, "state", value, sizeof value) < 0) return 0;
    if (value[0] == state) return 1;
    yield();
  }
  return 0;
}

/* Begins, or begins anew: the backend waits for rings then. */
int begin_device(struct device *device, const char *front) {
  close_port(device->port);
  close_port(device->port2);
  device->port = device->port2 = 0;
  device->front = front;
  if (store_read(front, "backend", device->back, sizeof device->back) < 0) return 0;
  if (store_write(front, "state", "6") < 0 || !await_state(device, '6')) return 0;
  return store_write(front, "state", "1") == 0 && await_state(device, '2');
}

int connect_device(struct device *device, uint32_t state) {
  if (store_write_number(device->front, "state", state) < 0 || !await_state(device, '4')) return 0;
  report->renewed++;
  return store_write(device->front, "state", "4") == 0;
}

/* Changes pages that the backend may be reading just now. */
void disturb(uint32_t ring_pages) {
  volatile uint32_t *rings = (volatile uint32_t *)RINGS;
  volatile uint32_t *data = (volatile uint32_t *)DATA;
  for (uint32_t i = below(8); i > 0; i--) rings[below(ring_pages) * 1024 + 16 + below(1008)] = chance(2) ? odd_32() : rnd();
  for (uint32_t i = below(8); i > 0; i--) data[below(DATA_PAGES * 1024)] = chance(2) ? odd_32() : rnd();
  if (chance(3)) grant_something(FIRST_REF + 2 + below(DATA_PAGES));
}
