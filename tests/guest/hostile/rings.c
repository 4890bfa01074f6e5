/* The ring of the console with any content and any indices. */
#include "guest.h"

enum { IN_CONS = 0x300, IN_PROD, OUT_CONS, OUT_PROD };

void attack_console(void) {
  volatile uint32_t *page = (volatile uint32_t *)(word)(hvm_param(PARAM_CONSOLE_PFN) << 12);
  uint32_t port = hvm_param(PARAM_CONSOLE_PORT);
  for (;;) {
    for (uint32_t i = below(64); i > 0; i--) page[0x100 + below(0x200)] = rnd();
    switch (below(8)) {
      case 0: page[OUT_PROD] = rnd(); break;
      case 1: page[OUT_CONS] = rnd(); break;
      case 2: page[IN_CONS + below(2)] = odd_32(); break;
      case 3: page[IN_CONS] = page[IN_PROD]; break;
      default: page[OUT_PROD] = page[OUT_CONS] + below(2100);
    }
    notify(port);
    for (uint32_t i = below(40); i > 0; i--) page[below(0x310)] = rnd();
    if (chance(4)) yield();
    step();
  }
}
