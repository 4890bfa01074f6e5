/* A small guest: a shell on COM1. Shared declarations; each .c file says what it is. */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>

/* What the interrupt stubs in start.S leave on the stack. */
struct trap_frame {
  uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
  uint32_t vector, error;
  uint32_t eip, cs, eflags;
};

/* Multiboot information, as far as it is used. */
struct multiboot_info {
  uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
  uint32_t mods_count, mods_addr, syms[4];
  uint32_t mmap_length, mmap_addr, drives_length, drives_addr;
  uint32_t config_table, boot_loader_name;
};

struct multiboot_mmap {
  uint32_t size;
  uint64_t base, length;
  uint32_t type;
} __attribute__((packed));

enum { MULTIBOOT_CMDLINE = 1 << 2, MULTIBOOT_MMAP = 1 << 6, MULTIBOOT_LOADER = 1 << 9 };

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline uint16_t in16(uint16_t port) {
  uint16_t value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline uint64_t read_tsc(void) {
  uint64_t value;
  __asm__ volatile("rdtsc" : "=A"(value));
  return value;
}

/* console.c */
void console_init(void);
void console_receive(void);
void put_char(char c);
void put_text(const char *text);
void print(const char *format, ...);
int get_char(void);
size_t read_line(char *line, size_t size);

/* text.c */
size_t text_length(const char *text);
int text_equal(const char *a, const char *b);
int bytes_equal(const void *a, const void *b, size_t size);
const char *parse_number(const char *text, uint32_t *value);
const char *find_option(const char *line, const char *name);
uint32_t divide64(uint64_t *value, uint32_t divisor);

/* interrupt.c */
void interrupt_init(void);
void trap(struct trap_frame *frame);
uint32_t ticks(void);
uint32_t tsc_khz(void);
enum { TICKS_PER_SECOND = 100 };

/* power.c */
void power_init(const char *cmdline);
void power_off(void);
void restart(void);

/* commands.c */
void run_command(char *line, const struct multiboot_info *info);

#endif
