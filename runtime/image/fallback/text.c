/* Text and numbers; the compiler may also call the three memory functions by itself. */
#include "guest.h"

void *memcpy(void *to, const void *from, size_t size) {
  uint8_t *t = to;
  const uint8_t *f = from;
  while (size--) *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size_t size) {
  uint8_t *t = to;
  while (size--) *t++ = (uint8_t)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const uint8_t *x = a, *y = b;
  for (; size > 0; size--, x++, y++) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

size_t text_length(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

int text_equal(const char *a, const char *b) {
  size_t length = text_length(a);
  return length == text_length(b) && bytes_equal(a, b, length);
}

int bytes_equal(const void *a, const void *b, size_t size) { return memcmp(a, b, size) == 0; }

/* Reads a decimal number, or a hexadecimal one after 0x. Returns what follows, or NULL if it is no number. */
const char *parse_number(const char *text, uint32_t *value) {
  uint32_t base = 10, result = 0;
  while (*text == ' ') text++;
  if (text[0] == '0' && (text[1] | 0x20) == 'x') {
    base = 16;
    text += 2;
  }
  const char *first = text;
  for (;; text++) {
    char c = (char)(*text | 0x20);
    uint32_t digit = *text >= '0' && *text <= '9' ? (uint32_t)(*text - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : 99;
    if (digit >= base) break;
    if (result > (0xffffffffu - digit) / base) return NULL;
    result = result * base + digit;
  }
  if (text == first || (*text != 0 && *text != ' ')) return NULL;
  *value = result;
  return text;
}

/* Finds the value of name= as a word of a line, or NULL. */
const char *find_option(const char *line, const char *name) {
  size_t length = text_length(name);
  for (const char *at = line; *at != 0; at++) {
    int starts = at == line || at[-1] == ' ';
    if (starts && text_length(at) > length && bytes_equal(at, name, length) && at[length] == '=') return at + length + 1;
  }
  return NULL;
}

/* Divides in place and returns the remainder, in two steps: there is no library with a 64-bit division here. */
uint32_t divide64(uint64_t *value, uint32_t divisor) {
  uint32_t high = (uint32_t)(*value >> 32), low = (uint32_t)*value;
  uint32_t high_quotient = high / divisor, remainder = high % divisor, low_quotient;
  __asm__("divl %4" : "=a"(low_quotient), "=d"(remainder) : "0"(low), "1"(remainder), "rm"(divisor));
  *value = ((uint64_t)high_quotient << 32) | low_quotient;
  return remainder;
}
