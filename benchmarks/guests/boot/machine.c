/* Bare-metal driver: paging, exceptions, the UART and the end of the run. Interrupts stay off. */
#include "machine.h"

#define COM1 0x3f8
#define PAGE 4096u
#define MAPPED 7u /* present, writable, user */

extern const uintptr_t exception_stubs[32];
extern void trap_entry(void);

/* Physical memory behind the window: one half for each address space. */
static uint8_t window_memory[2][WINDOW_PAGES * PAGE] __attribute__((aligned(4096)));
uintptr_t address_spaces[2];

typedef uintptr_t entry; /* a page table entry is as wide as a pointer: no PAE in the 32-bit image */
#define ENTRIES (PAGE / sizeof(entry))
static entry window_table[2][ENTRIES] __attribute__((aligned(4096)));

static void map_window(int space) {
  for (uint32_t i = 0; i < WINDOW_PAGES; i++)
    window_table[space][i] = (entry)(window_memory[space] + i * PAGE) | MAPPED;
}

static void write_msr(uint32_t index, uint32_t high, uint32_t low) {
  __asm__ volatile("wrmsr" : : "c"(index), "a"(low), "d"(high));
}

#ifdef __x86_64__
uint8_t *const window = (uint8_t *)0x40000000;
extern entry identity_pml4[ENTRIES], identity_pdpt[ENTRIES];
static entry pml4[2][ENTRIES] __attribute__((aligned(4096))), pdpt[2][ENTRIES] __attribute__((aligned(4096))),
    directory[2][ENTRIES] __attribute__((aligned(4096)));

static void setup_paging(void) {
  for (int space = 0; space < 2; space++) {
    map_window(space);
    directory[space][0] = (entry)window_table[space] | MAPPED;
    pdpt[space][0] = identity_pdpt[0];
    pdpt[space][1] = (entry)directory[space] | MAPPED;
    pml4[space][0] = (entry)pdpt[space] | MAPPED;
    address_spaces[space] = (uintptr_t)pml4[space];
  }
  load_cr3(address_spaces[0]);
}

/* STAR: SYSCALL takes CS 08h, SYSRET SS 18h + 8 and CS 18h + 16 (SDM vol 3, 5.8.8). */
static void setup_system_call(void) {
  write_msr(0xc0000081, 0x00180008, 0);
  write_msr(0xc0000082, 0, (uint32_t)(uintptr_t)trap_entry);
  write_msr(0xc0000084, 0, 0x700);
}
#else
uint8_t *const window = (uint8_t *)0x10000000;
#define LOW_TABLES 8u /* 32 MiB */
static entry low_tables[LOW_TABLES][ENTRIES] __attribute__((aligned(4096))),
    directory[2][ENTRIES] __attribute__((aligned(4096)));

static void setup_paging(void) {
  for (uint32_t i = 0; i < LOW_TABLES * ENTRIES; i++) low_tables[i / ENTRIES][i % ENTRIES] = i * PAGE | MAPPED;
  for (int space = 0; space < 2; space++) {
    map_window(space);
    for (uint32_t i = 0; i < LOW_TABLES; i++) directory[space][i] = (entry)low_tables[i] | MAPPED;
    directory[space][(uintptr_t)window >> 22] = (entry)window_table[space] | MAPPED;
    address_spaces[space] = (uintptr_t)directory[space];
  }
  load_cr3(address_spaces[0]);
  uintptr_t cr0;
  __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
  __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | 1u << 31) : "memory");
}
#endif

typedef struct __attribute__((packed)) {
  uint16_t low, selector;
  uint8_t stack, type;
  uint16_t middle;
#ifdef __x86_64__
  uint32_t high, reserved;
#endif
} gate;
static gate idt[256];

static void set_gate(int vector, uintptr_t target, uint8_t type) {
  idt[vector].low = (uint16_t)target;
  idt[vector].middle = (uint16_t)(target >> 16);
  idt[vector].selector = 0x08;
  idt[vector].type = type;
}

static void setup_exceptions(void) {
  struct __attribute__((packed)) {
    uint16_t limit;
    uintptr_t base;
  } pointer = {sizeof idt - 1, (uintptr_t)idt};
  for (int i = 0; i < 32; i++) set_gate(i, exception_stubs[i], 0x8e);
#ifndef __x86_64__
  set_gate(0x80, (uintptr_t)trap_entry, 0xee);
#endif
  __asm__ volatile("lidt %0" : : "m"(pointer));
}

static void setup_floating_point(void) {
  uintptr_t cr0, cr4;
  __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
  cr0 = (cr0 & ~(uintptr_t)0x0c) | 0x22; /* EM and TS off, MP and NE on */
  __asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
  __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
  __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 0x600)); /* OSFXSR, OSXMMEXCPT */
  uint32_t mxcsr = 0x1f80;
  __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

void put_char(char c) {
  for (int spin = 0; spin < 100000 && !(in8(COM1 + 5) & 0x20); spin++) {
  }
  out8(COM1, (uint8_t)c);
}

/* isa-debug-exit turns V into exit code (V << 1) | 1; then ACPI S5 where PCs of QEMU have it. */
void finish(int failed) {
  out32(0xf4, failed ? 0x11 : 0x10);
  out16(0x604, 0x2000);
  for (;;) __asm__ volatile("cli; hlt");
}

static void put_number(uintptr_t value) {
  for (int shift = (int)sizeof value * 8 - 4; shift >= 0; shift -= 4) put_char("0123456789abcdef"[value >> shift & 15]);
}

/* Any exception is a bug of the machine under test: say which, and stop. */
void fault(uintptr_t vector, uintptr_t error, uintptr_t ip) {
  for (const char *text = "\nFAULT vector, error, ip: "; *text; text++) put_char(*text);
  put_number(vector);
  put_char(' ');
  put_number(error);
  put_char(' ');
  put_number(ip);
  put_char('\n');
  finish(1);
}

/* Multiboot information: flags at 0, the command line's address at 16 if bit 2 is set. */
void machine_main(uintptr_t info) {
  const uint32_t *words = (const uint32_t *)info;
  static char line[512];
  if (words[0] & 4)
    for (uint32_t i = 0; i < sizeof line - 1; i++) {
      line[i] = ((const char *)(uintptr_t)words[4])[i];
      if (!line[i]) break;
    }
  setup_exceptions();
  setup_paging();
  setup_floating_point();
#ifdef __x86_64__
  setup_system_call();
#endif
  bench_main(line);
}
