/* What the parts of the hostile guest share. */
#include <stddef.h>
#include <stdint.h>

typedef unsigned long word;

/* Guest frames. The image lies below the playground and is kept out of what is handed to the hypervisor. */
#define IMAGE_FROM 0x100000u
#define PLAYGROUND 0x400000u
#define PLAYGROUND_END 0x800000u /* the end of RAM */
#define ALIAS 0x20000000u        /* the playground, read-only */
#define HOLE 0xC0000000u         /* not mapped */
#define REPORT 0x300000u
#define GRANTS 0x7E0000u /* the grant table's first frame is mapped here */
#define RINGS 0x7F0000u
#define DATA 0x600000u /* pages that are granted */
#define DATA_PAGES 64
#define FIRST_REF 8

/* Hypercalls. */
enum { MEMORY_OP = 12, SET_TIMER_OP = 15, CONSOLE_IO = 18, GRANT_TABLE_OP = 20, VCPU_OP = 24, SCHED_OP = 29, EVENT_CHANNEL_OP = 32, HVM_OP = 34 };
enum { SCHEDOP_YIELD = 0, SCHEDOP_BLOCK = 1, SCHEDOP_SHUTDOWN = 2, SCHEDOP_POLL = 3, SCHEDOP_REMOTE_SHUTDOWN = 4, SCHEDOP_SHUTDOWN_CODE = 5, SCHEDOP_WATCHDOG = 6 };
enum { VCPUOP_DOWN = 2, EVTCHNOP_CLOSE = 3, EVTCHNOP_SEND = 4, EVTCHNOP_ALLOC_UNBOUND = 6, HVMOP_GET_PARAM = 1 };
enum { PARAM_STORE_PFN = 1, PARAM_STORE_PORT = 2, PARAM_CONSOLE_PFN = 17, PARAM_CONSOLE_PORT = 18 };
#define DOMID_SELF 0x7FF0

/* Where the host looks: how far it got, why it ended, and what hypercalls answered. */
struct report {
  uint32_t steps;   /* what was asked for and done so far */
  uint32_t ending;  /* 0 while it goes on */
  uint32_t vector;  /* of a fault */
  uint32_t address; /* of a fault */
  uint32_t renewed; /* connections that were made anew */
  uint32_t refused; /* device did not come up */
  uint32_t check;   /* the complement of steps: a hypercall may have hit this page */
  uint32_t reserved;
  uint32_t answers[64][4]; /* by number: success, EFAULT, ENOSYS, other errors */
};
#define report ((volatile struct report *)REPORT)
enum { ENDED_DONE = 1, ENDED_STUCK = 2, ENDED_FAULT = 3 };

/* random.c */
extern uint32_t steps_wanted;
void seed_random(uint32_t seed);
uint32_t rnd(void);
int chance(uint32_t one_in);
uint32_t below(uint32_t limit);
word odd_word(void);
uint32_t odd_32(void);
void scribble(uint32_t address, uint32_t words);

/* main.c */
word hypercall(word number, word a, word b, word c, word d, word e);
void end(uint32_t why) __attribute__((noreturn));
void step(void);
void yield(void);
void notify(uint32_t port);
uint32_t hvm_param(uint32_t index);

/* store.c: a small client of XenStore, and its opposite. */
void open_store(void);
uint32_t make_path(char *to, const char *folder, const char *name);
int store_write(const char *folder, const char *name, const char *value);
int store_write_number(const char *folder, const char *name, uint32_t value);
int store_read(const char *folder, const char *name, char *value, uint32_t room);
void attack_store(void);

/* device.c */
struct device {
  const char *front;
  char back[64];
  uint32_t port;
  uint32_t port2;
};
void grant(uint32_t ref, uint32_t frame, uint32_t flags);
void grant_something(uint32_t ref);
void open_grants(void);
int begin_device(struct device *device, const char *front);
int connect_device(struct device *device, uint32_t state);
uint32_t new_port(void);
void close_port(uint32_t port);
void disturb(uint32_t ring_pages);

void attack_hypercalls(void);
void attack_console(void);
void attack_block(void);
void attack_net(void);
