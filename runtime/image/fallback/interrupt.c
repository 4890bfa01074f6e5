/* Interrupts: descriptor table, both 8259A, and the 8254 as a clock of 100 Hz. */
#include "guest.h"

enum {
  MASTER = 0x20, SLAVE = 0xa0, END_OF_INTERRUPT = 0x20,
  FIRST_VECTOR = 32, TIMER_VECTOR = FIRST_VECTOR, UART_VECTOR = FIRST_VECTOR + 4,
  SPURIOUS_MASTER = FIRST_VECTOR + 7, SPURIOUS_SLAVE = FIRST_VECTOR + 15, VECTORS = 48,
  PIT_HZ = 1193182, CALIBRATION_TICKS = 5
};

extern const uint32_t stubs[VECTORS];

static struct { uint16_t low, selector, type, high; } table[VECTORS];
static volatile uint32_t tick_count;
static uint32_t khz;

static void pic_init(void) {
  static const uint8_t words[] = { 0x11, FIRST_VECTOR, 0x04, 0x01 };
  static const uint8_t slave_words[] = { 0x11, FIRST_VECTOR + 8, 0x02, 0x01 };
  for (uint16_t i = 0; i < sizeof words; i++) {
    out8((uint16_t)(MASTER + (i > 0)), words[i]);
    out8((uint16_t)(SLAVE + (i > 0)), slave_words[i]);
  }
  out8(MASTER + 1, (uint8_t)~(1 << 0 | 1 << 4));
  out8(SLAVE + 1, 0xff);
}

static void wait_ticks(uint32_t count) {
  for (uint32_t end = tick_count + count; (int32_t)(end - tick_count) > 0;) __asm__ volatile("hlt");
}

static void calibrate_tsc(void) {
  wait_ticks(1);
  uint64_t start = read_tsc();
  wait_ticks(CALIBRATION_TICKS);
  uint64_t cycles = read_tsc() - start;
  divide64(&cycles, CALIBRATION_TICKS * 1000 / TICKS_PER_SECOND);
  khz = (uint32_t)cycles;
}

void interrupt_init(void) {
  struct { uint16_t limit; uint32_t base; } __attribute__((packed)) pointer = { sizeof table - 1, (uint32_t)table };
  for (uint32_t i = 0; i < VECTORS; i++) {
    table[i].low = (uint16_t)stubs[i];
    table[i].high = (uint16_t)(stubs[i] >> 16);
    table[i].selector = 0x08;
    table[i].type = 0x8e00;
  }
  __asm__ volatile("lidt %0" : : "m"(pointer));
  pic_init();
  out8(0x43, 0x34); /* channel 0, mode 2 */
  out8(0x40, (PIT_HZ / TICKS_PER_SECOND) & 0xff);
  out8(0x40, (PIT_HZ / TICKS_PER_SECOND) >> 8);
  __asm__ volatile("sti");
  calibrate_tsc();
}

void trap(struct trap_frame *frame) {
  if (frame->vector < FIRST_VECTOR) {
    uint32_t cr2;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    print("\nexception %u, error %x, eip %08x, cr2 %08x: halted\n", frame->vector, frame->error, frame->eip, cr2);
    for (;;) __asm__ volatile("cli; hlt");
  }
  /* A spurious interrupt is not in service: no end of interrupt, except for the cascade's. */
  if (frame->vector == SPURIOUS_MASTER) return;
  if (frame->vector == TIMER_VECTOR) tick_count++;
  if (frame->vector == TIMER_VECTOR || frame->vector == UART_VECTOR) console_receive();
  if (frame->vector >= FIRST_VECTOR + 8 && frame->vector != SPURIOUS_SLAVE) out8(SLAVE, END_OF_INTERRUPT);
  out8(MASTER, END_OF_INTERRUPT);
}

uint32_t ticks(void) { return tick_count; }
uint32_t tsc_khz(void) { return khz; }
