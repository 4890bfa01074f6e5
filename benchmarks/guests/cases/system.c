/* What only a kernel does: system calls from ring 3, address spaces, port I/O. Bare metal only. */
#include "../boot/machine.h"

#define TRAPS 1500000u
static uint8_t user_stack[16384] __attribute__((aligned(16)));

/* The kernel's side of a system call. */
uint32_t trap_handler(uint32_t argument) { return argument * 1664525u + 1013904223u; }

#ifdef __x86_64__
static inline uint32_t system_call(uint32_t argument) {
  uint64_t result;
  __asm__ volatile("syscall" : "=a"(result) : "0"((uint64_t)argument) : "rcx", "r9", "r10", "r11", "memory");
  return (uint32_t)result;
}
static void leave_ring3(uint32_t result) { __asm__ volatile("syscall" : : "a"(-1L), "D"(result) : "memory"); }
#else
static inline uint32_t system_call(uint32_t argument) {
  uint32_t result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(argument) : "memory");
  return result;
}
static void leave_ring3(uint32_t result) { __asm__ volatile("int $0x80" : : "a"(-1), "b"(result) : "memory"); }
#endif

static void user_program(void) {
  uint32_t value = 1;
  /* -1 would end the program early: it is kept out of the argument. */
  for (uint32_t i = 0; i < TRAPS; i++) value = system_call(value & 0x7fffffffu) ^ i;
  leave_ring3(value);
}

/* int 0x80 and IRET in the 32-bit image, SYSCALL and SYSRET in the 64-bit one. */
static uint32_t run_trap(void) { return enter_ring3(user_program, user_stack + sizeof user_stack - 64); }

static uint32_t run_cr3(void) {
  volatile uint32_t *words = (volatile uint32_t *)window;
  uint32_t sum = FOLD_START;
  for (int space = 0; space < 2; space++) {
    load_cr3(address_spaces[space]);
    for (uint32_t page = 0; page < WINDOW_PAGES; page++) words[page * 1024] = page + (uint32_t)space * 1000;
  }
  for (uint32_t i = 0; i < 40000u; i++) {
    load_cr3(address_spaces[i & 1]);
    for (uint32_t page = 0; page < WINDOW_PAGES; page++) words[page * 1024] += i + page;
  }
  for (int space = 0; space < 2; space++) {
    load_cr3(address_spaces[space]);
    for (uint32_t page = 0; page < WINDOW_PAGES; page++) sum = fold(sum, words[page * 1024]);
  }
  load_cr3(address_spaces[0]);
  return sum;
}

/* A write to the POST port, then the UART's scratch register written and read back. */
static uint32_t run_port_io(void) {
  uint32_t sum = FOLD_START;
  for (uint32_t i = 0; i < 1500000u; i++) {
    out8(0x80, (uint8_t)i);
    out8(0x3ff, (uint8_t)(i * 7));
    sum = fold(sum, in8(0x3ff));
  }
  return sum;
}

const bench_case system_cases[] = {
    {"trap", NULL, run_trap},
    {"cr3", NULL, run_cr3},
    {"port-io", NULL, run_port_io},
    {NULL, NULL, NULL},
};
