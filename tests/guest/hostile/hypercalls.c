/* Random hypercalls, with arguments that often mean something. */
#include "guest.h"

static const uint8_t known[] = {12, 15, 17, 18, 20, 21, 24, 27, 29, 32, 33, 34};
/* What would end the run is done once in so many times. */
#define SELDOM 5000000

/* Calls that end the run or put the vCPU to sleep are left out, mostly. */
static int is_the_end(uint32_t number, uint32_t command) {
  if (number == SCHED_OP) return command <= SCHEDOP_WATCHDOG && command != SCHEDOP_YIELD && command != SCHEDOP_POLL;
  return number == VCPU_OP && command == VCPUOP_DOWN;
}

/* Waits at most a moment: the time in the structure is one that has passed. */
static word short_poll(void) {
  uint32_t at = PLAYGROUND + (below(PLAYGROUND_END - PLAYGROUND - 64) & ~7u);
  scribble(at, 6);
  volatile uint32_t *words = (volatile uint32_t *)(word)at;
  words[sizeof(word) == 8 ? 4 : 2] = 1 + below(1000);
  words[sizeof(word) == 8 ? 5 : 3] = 0;
  return at;
}

void attack_hypercalls(void) {
  for (;;) {
    uint32_t number = chance(16) ? odd_32() : known[below(sizeof known)];
    word args[5];
    for (int i = 0; i < 5; i++) args[i] = odd_word();
    if (number != SET_TIMER_OP && !chance(10)) args[0] = number == HVM_OP && chance(2) ? below(2) : below(14);
    if (number == VCPU_OP && !chance(10)) args[1] = 0;
    if (number == GRANT_TABLE_OP || number == CONSOLE_IO) args[number == CONSOLE_IO ? 1 : 2] = chance(50) ? odd_32() : below(8);
    if (number == SCHED_OP && (uint32_t)args[0] == SCHEDOP_POLL) args[1] = short_poll();
    else
      for (int i = 0; i < 5; i++)
        if (args[i] >= PLAYGROUND && args[i] < PLAYGROUND_END) scribble((uint32_t)args[i], 4 + below(12));
    if (is_the_end(number, (uint32_t)args[0]) && !chance(SELDOM)) args[0] = SCHEDOP_YIELD;
    long result = (long)hypercall(number, args[0], args[1], args[2], args[3], args[4]);
    if (number < 64) report->answers[number][result >= 0 ? 0 : result == -14 ? 1 : result == -38 ? 2 : 3]++;
    step();
  }
}
