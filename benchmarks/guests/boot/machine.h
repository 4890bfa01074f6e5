/* The bare machine: what the entry code supplies and machine.c sets up for the system cases. */
#ifndef MACHINE_H
#define MACHINE_H

#include "../bench.h"

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

/* Pages that the two address spaces map to different memory, at a fixed linear address. */
#define WINDOW_PAGES 64u
extern uint8_t *const window;
extern uintptr_t address_spaces[2];

void load_cr3(uintptr_t root);
uint32_t enter_ring3(void (*code)(void), void *stack);

#endif
