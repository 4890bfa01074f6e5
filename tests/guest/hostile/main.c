/* A guest that does everything it can against its hypervisor: `attack=NAME seed=N steps=N` on its command line. */
#include "guest.h"

uint32_t steps_wanted;

word hypercall(word number, word a, word b, word c, word d, word e) {
  word result = number;
#ifdef __x86_64__
  register word r10 __asm__("r10") = d;
  register word r8 __asm__("r8") = e;
  __asm__ volatile("vmcall" : "+a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)::"memory");
#else
  __asm__ volatile("vmcall" : "+a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e)::"memory");
#endif
  return result;
}

void end(uint32_t why) {
  report->ending = why;
  uint32_t reason = 0;
  for (;;) hypercall(SCHED_OP, SCHEDOP_SHUTDOWN, (word)&reason, 0, 0, 0);
}

void step(void) {
  static uint32_t done;
  report->steps = ++done;
  report->check = ~done;
  if (done >= steps_wanted) end(ENDED_DONE);
}

void yield(void) { hypercall(SCHED_OP, SCHEDOP_YIELD, 0, 0, 0, 0); }

void notify(uint32_t port) { hypercall(EVENT_CHANNEL_OP, EVTCHNOP_SEND, (word)&port, 0, 0, 0); }

uint32_t hvm_param(uint32_t index) {
  struct {
    uint16_t domid, pad;
    uint32_t index;
    uint64_t value;
  } param = {DOMID_SELF, 0, index, 0};
  hypercall(HVM_OP, HVMOP_GET_PARAM, (word)&param, 0, 0, 0);
  return (uint32_t)param.value;
}

void faulted(uint32_t vector, word code, word address) {
  (void)code;
  report->vector = vector;
  report->address = (uint32_t)address;
  end(ENDED_FAULT);
}

/* The text after NAME= on the command line; empty when it is not there. */
static const char *option(const char *line, const char *name) {
  for (; *line != 0; line++) {
    const char *at = line;
    const char *wanted = name;
    while (*wanted != 0 && *at == *wanted) at++, wanted++;
    if (*wanted == 0 && *at == '=') return at + 1;
  }
  return line;
}

static uint32_t number(const char *digits) {
  uint32_t value = 0;
  for (; *digits >= '0' && *digits <= '9'; digits++) value = value * 10 + (uint32_t)(*digits - '0');
  return value;
}

void *memcpy(void *to, const void *from, size_t count) {
  for (size_t i = 0; i < count; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

void *memset(void *to, int value, size_t count) {
  for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = (char)value;
  return to;
}

/* A sum over a megabyte, again and again: the neighbour that must not notice anything. */
static void sum_for_ever(void) {
  uint32_t *at = (uint32_t *)PLAYGROUND;
  uint32_t first = 0;
  for (uint32_t i = 0; i < 1 << 18; i++) at[i] = rnd();
  for (;;) {
    uint32_t sum = 2166136261u;
    for (uint32_t i = 0; i < 1 << 18; i++) sum = (sum ^ at[i]) * 16777619u;
    if (report->steps == 0) first = sum;
    if (sum != first) end(ENDED_FAULT);
    report->steps++;
  }
}

void hostile_main(uint32_t start_info) {
  memset((void *)REPORT, 0, sizeof *report);
  const char *line = (const char *)(word) * (uint32_t *)(word)(start_info + 24);
  seed_random(number(option(line, "seed")));
  steps_wanted = number(option(line, "steps"));
  switch (*option(line, "attack")) {
    case 'h': attack_hypercalls(); break;
    case 'c': attack_console(); break;
    case 's': attack_store(); break;
    case 'b': attack_block(); break;
    case 'n': attack_net(); break;
    default: sum_for_ever();
  }
  end(ENDED_STUCK);
}
