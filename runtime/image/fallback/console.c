/* The console on COM1: output by polling, input by interrupt into a ring. */
#include "guest.h"
#include <stdarg.h>

enum {
  COM1 = 0x3f8,
  DATA = COM1, INTERRUPT_ENABLE = COM1 + 1, FIFO_CONTROL = COM1 + 2, LINE_CONTROL = COM1 + 3,
  MODEM_CONTROL = COM1 + 4, LINE_STATUS = COM1 + 5,
  DATA_READY = 0x01, TRANSMITTER_EMPTY = 0x20,
  RING = 1024,
  INTERRUPT_KEY = 3, KILL_KEY = 21, WORD_KEY = 23, ESCAPE = 27
};

static volatile uint32_t ring_head, ring_tail;
static char ring[RING];

void console_init(void) {
  out8(INTERRUPT_ENABLE, 0);
  out8(LINE_CONTROL, 0x80); /* divisor: 115200 baud */
  out8(DATA, 1);
  out8(INTERRUPT_ENABLE, 0);
  out8(LINE_CONTROL, 0x03); /* 8 data bits, 1 stop bit, no parity */
  out8(FIFO_CONTROL, 0xc7);
  out8(MODEM_CONTROL, 0x0b); /* OUT2 lets the interrupt through */
  out8(INTERRUPT_ENABLE, 0x01);
}

/* Called with interrupts off, by the UART's interrupt and by the timer's, in case the former is lost. */
void console_receive(void) {
  while ((in8(LINE_STATUS) & DATA_READY) != 0) {
    char c = (char)in8(DATA);
    if (ring_head - ring_tail < RING) ring[ring_head++ % RING] = c;
  }
}

void put_char(char c) {
  if (c == '\n') put_char('\r');
  /* A transmitter that never becomes empty must not hold us for ever. */
  for (uint32_t tries = 0; tries < 1000000 && (in8(LINE_STATUS) & TRANSMITTER_EMPTY) == 0; tries++) { }
  out8(DATA, (uint8_t)c);
}

void put_text(const char *text) {
  while (*text != 0) put_char(*text++);
}

static void put_number(uint64_t value, uint32_t base, uint32_t width, char fill) {
  char digits[24];
  uint32_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[divide64(&value, base)];
  } while (value != 0);
  for (; width > count; width--) put_char(fill);
  while (count > 0) put_char(digits[--count]);
}

/* Knows %s %c %u %x (32-bit) and %U %X (64-bit), with a width that may start with 0. */
void print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  for (; *format != 0; format++) {
    if (*format != '%') {
      put_char(*format);
      continue;
    }
    char fill = format[1] == '0' ? '0' : ' ';
    uint32_t width = 0;
    while (*++format >= '0' && *format <= '9') width = width * 10 + (uint32_t)(*format - '0');
    if (*format == 's') put_text(va_arg(arguments, const char *));
    else if (*format == 'c') put_char((char)va_arg(arguments, int));
    else if (*format == 'u' || *format == 'x') put_number(va_arg(arguments, uint32_t), *format == 'u' ? 10 : 16, width, fill);
    else if (*format == 'U' || *format == 'X') put_number(va_arg(arguments, uint64_t), *format == 'U' ? 10 : 16, width, fill);
    else put_char(*format);
  }
  va_end(arguments);
}

/* Waits for a character with the processor halted. */
int get_char(void) {
  for (;;) {
    __asm__ volatile("cli");
    if (ring_head != ring_tail) break;
    /* The interrupt cannot slip in between: sti takes effect after the next instruction. */
    __asm__ volatile("sti; hlt");
  }
  int c = (uint8_t)ring[ring_tail++ % RING];
  __asm__ volatile("sti");
  return c;
}

static void erase(size_t *length) {
  put_text("\b \b");
  (*length)--;
}

/* An arrow or a function key: ESC, a bracket or an O, parameters, and a letter or a tilde. */
static void skip_escape_sequence(void) {
  int c = get_char();
  if (c != '[' && c != 'O') return;
  do c = get_char();
  while (c < 0x40);
}

/* Reads a line with the usual keys; Control-C gives an empty one. */
size_t read_line(char *line, size_t size) {
  static int last;
  size_t length = 0;
  for (;;) {
    int previous = last, c = last = get_char();
    if (c == '\n' && previous == '\r') continue;
    if (c == '\r' || c == '\n') break;
    if (c == INTERRUPT_KEY) {
      put_text("^C");
      length = 0;
      break;
    }
    if (c == ESCAPE) skip_escape_sequence();
    else if ((c == '\b' || c == 0x7f) && length > 0) erase(&length);
    else if (c == KILL_KEY) while (length > 0) erase(&length);
    else if (c == WORD_KEY) {
      while (length > 0 && line[length - 1] == ' ') erase(&length);
      while (length > 0 && line[length - 1] != ' ') erase(&length);
    } else if (c >= ' ' && c != 0x7f && length + 1 < size) {
      line[length++] = (char)c;
      put_char((char)c);
    }
  }
  put_char('\n');
  line[length] = 0;
  return length;
}
