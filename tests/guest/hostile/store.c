/* XenStore: a small client for the devices, and messages that no client would send. */
#include "guest.h"

enum { REQ_CONS = 0x200, REQ_PROD, RSP_CONS, RSP_PROD, FEATURES, CONNECTION, ERROR };
enum { XS_DIRECTORY = 1, XS_READ = 2, XS_WATCH = 4, XS_TRANSACTION_START = 6, XS_TRANSACTION_END = 7, XS_WRITE = 11, XS_ERROR = 16 };
#define MOST_WAITS 200000

static volatile uint32_t *page;
static uint32_t port;

void open_store(void) {
  page = (volatile uint32_t *)(word)(hvm_param(PARAM_STORE_PFN) << 12);
  port = hvm_param(PARAM_STORE_PORT);
}

static void wait_while(int (*condition)(void)) {
  for (uint32_t i = 0; condition(); i++) {
    if (i > MOST_WAITS) end(ENDED_STUCK);
    yield();
  }
}

static int is_full(void) { return page[REQ_PROD] - page[REQ_CONS] >= 1024; }
static int is_empty(void) { return page[RSP_PROD] == page[RSP_CONS]; }

static void put(const void *bytes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (is_full()) {
      notify(port);
      wait_while(is_full);
    }
    ((volatile uint8_t *)page)[page[REQ_PROD] % 1024] = ((const uint8_t *)bytes)[i];
    page[REQ_PROD]++;
  }
}

static void get(void *bytes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (is_empty()) {
      notify(port);
      wait_while(is_empty);
    }
    ((uint8_t *)bytes)[i] = ((volatile uint8_t *)page)[1024 + page[RSP_CONS] % 1024];
    page[RSP_CONS]++;
  }
}

/* Sends a request and takes its answer; the length of what came, or -1 for an error. */
static int ask(uint32_t type, const char *payload, uint32_t length, char *answer, uint32_t room) {
  uint32_t header[4] = {type, 0, 0, length};
  put(header, sizeof header);
  put(payload, length);
  notify(port);
  get(header, sizeof header);
  for (uint32_t i = 0; i < header[3]; i++) {
    char byte;
    get(&byte, 1);
    if (i < room) answer[i] = byte;
  }
  notify(port);
  return header[0] == XS_ERROR ? -1 : (int)header[3];
}

uint32_t make_path(char *to, const char *folder, const char *name) {
  uint32_t length = 0;
  while (*folder != 0) to[length++] = *folder++;
  to[length++] = '/';
  while (*name != 0) to[length++] = *name++;
  to[length++] = 0;
  return length;
}

int store_write(const char *folder, const char *name, const char *value) {
  char payload[200];
  uint32_t length = make_path(payload, folder, name);
  while (*value != 0) payload[length++] = *value++;
  char answer[4];
  return ask(XS_WRITE, payload, length, answer, sizeof answer) < 0 ? -1 : 0;
}

int store_write_number(const char *folder, const char *name, uint32_t value) {
  char digits[12];
  uint32_t at = sizeof digits;
  digits[--at] = 0;
  do digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  return store_write(folder, name, digits + at);
}

int store_read(const char *folder, const char *name, char *value, uint32_t room) {
  char payload[200];
  int length = ask(XS_READ, payload, make_path(payload, folder, name), value, room - 1);
  if (length < 0) return -1;
  value[length < (int)room - 1 ? length : (int)room - 1] = 0;
  return length;
}

static const char *const paths[] = {"data", "data/a", "data/a/b", "device", "control/shutdown", "/", "", "/local/domain", "/local/domain/0", "/vm", "@introduceDomain",
                                    "@releaseDomain", "/local/domain/1/data", "/local/domain/2/name", "..", "data//x", "/local/domain/0/backend", "n1", "r2", "error"};
static const uint32_t path_count = sizeof paths / sizeof *paths;

static char payload[4400];

static uint32_t odd_payload(uint32_t type) {
  uint32_t length = 0;
  for (uint32_t part = 1 + below(3); part > 0; part--) {
    const char *path = chance(6) ? "" : paths[below(path_count)];
    while (*path != 0) payload[length++] = *path++;
    if (chance(3)) payload[length++] = '/', payload[length++] = (char)('a' + below(26)), payload[length++] = (char)('a' + below(26));
    if (chance(20)) payload[length++] = (char)rnd();
    if (!chance(8)) payload[length++] = 0;
  }
  if (type == XS_TRANSACTION_END) payload[0] = chance(2) ? 'T' : 'F', length = 2, payload[1] = 0;
  if (chance(30)) {
    uint32_t more = below(chance(4) ? 4300 : 200);
    while (length < more) payload[length++] = (char)rnd();
  }
  return length;
}

/* Breaks the ring and asks for a new beginning. */
static void break_ring(void) {
  page[REQ_CONS + below(7)] = odd_32();
  page[below(0x200)] = rnd();
  notify(port);
  for (uint32_t i = 0; i < 20; i++) yield();
  page[CONNECTION] = 1;
  notify(port);
  for (uint32_t i = 0; page[CONNECTION] == 1; i++) {
    if (i > MOST_WAITS) end(ENDED_STUCK);
    yield();
  }
  report->renewed++;
}

static int must_wait(void) { return page[REQ_PROD] - page[REQ_CONS] > 512 && page[ERROR] == 0; }

void attack_store(void) {
  open_store();
  uint32_t patience = 0;
  for (;;) {
    uint32_t type = chance(40) ? odd_32() : below(23);
    uint32_t length = odd_payload(type);
    uint32_t header[4] = {type, rnd(), chance(2) ? 0 : chance(20) ? rnd() : below(12), chance(200) ? odd_32() : length};
    for (uint32_t i = 0; i < 16 + length; i++) {
      while (must_wait() || page[REQ_PROD] - page[REQ_CONS] >= 1024) {
        page[RSP_CONS] = page[RSP_PROD];
        notify(port);
        yield();
        if (page[ERROR] != 0 || ++patience > MOST_WAITS) break_ring(), patience = 0;
      }
      ((volatile uint8_t *)page)[page[REQ_PROD] % 1024] = i < 16 ? ((uint8_t *)header)[i] : (uint8_t)payload[i - 16];
      page[REQ_PROD]++;
    }
    patience = 0;
    notify(port);
    if (!chance(3)) page[RSP_CONS] = page[RSP_PROD];
    if (page[ERROR] != 0 || header[3] != length || chance(3000)) break_ring();
    step();
  }
}
