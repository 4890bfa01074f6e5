/* The shell's commands. */
#include "guest.h"

enum { PRIMES_MAX = 10000000, FIBONACCI_MAX = 93 };

static uint8_t sieve[PRIMES_MAX / 16 + 1]; /* a bit for each odd number */

static void cpuid(uint32_t leaf, uint32_t registers[4]) {
  __asm__ volatile("cpuid" : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3]) : "0"(leaf), "2"(0));
}

static void print_elapsed(uint64_t start_tsc) {
  uint64_t micros = (read_tsc() - start_tsc) * 1000;
  divide64(&micros, tsc_khz() > 0 ? tsc_khz() : 1);
  uint32_t rest = divide64(&micros, 1000000);
  print(" (%U.%06u s)\n", micros, rest);
}

static void command_memory(const struct multiboot_info *info) {
  static const char *const types[] = { "other", "RAM", "reserved", "ACPI tables", "ACPI NVS", "bad" };
  uint64_t total = 0;
  for (uint32_t at = 0; (info->flags & MULTIBOOT_MMAP) != 0 && at + sizeof(struct multiboot_mmap) <= info->mmap_length;) {
    const struct multiboot_mmap *entry = (const struct multiboot_mmap *)(info->mmap_addr + at);
    print("%016X-%016X %s\n", entry->base, entry->base + entry->length - 1, types[entry->type < 6 ? entry->type : 0]);
    if (entry->type == 1) total += entry->length;
    at += entry->size + 4;
  }
  print("%U KiB of RAM\n", total >> 10);
}

static void print_brand(void) {
  uint32_t text[13] = { 0 };
  cpuid(0x80000000, text);
  if (text[0] < 0x80000004) return;
  for (uint32_t i = 0; i < 3; i++) cpuid(0x80000002 + i, text + i * 4);
  text[12] = 0;
  const char *name = (const char *)text;
  while (*name == ' ') name++;
  print("name     %s\n", name);
}

static void print_flags(uint32_t bits, const char *const *names, const uint8_t *numbers) {
  for (; *names != NULL; names++, numbers++) {
    if ((bits >> *numbers & 1) != 0) print(" %s", *names);
  }
}

static void command_cpuid(void) {
  static const char *const edx_names[] = { "fpu", "tsc", "msr", "pae", "cx8", "apic", "sep", "cmov", "mmx", "fxsr", "sse", "sse2", NULL };
  static const uint8_t edx_numbers[] = { 0, 4, 5, 6, 8, 9, 11, 15, 23, 24, 25, 26 };
  static const char *const ecx_names[] = { "sse3", "ssse3", "cx16", "sse4.1", "sse4.2", "x2apic", "popcnt", "aes", "avx", "hypervisor", NULL };
  static const uint8_t ecx_numbers[] = { 0, 9, 13, 19, 20, 21, 23, 25, 28, 31 };
  uint32_t r[4], vendor[4] = { 0 };
  cpuid(0, r);
  vendor[0] = r[1], vendor[1] = r[3], vendor[2] = r[2];
  print("vendor   %s\n", (const char *)vendor);
  print_brand();
  cpuid(1, r);
  uint32_t family = r[0] >> 8 & 15, model = r[0] >> 4 & 15;
  if (family == 6 || family == 15) model |= r[0] >> 12 & 0xf0;
  if (family == 15) family += r[0] >> 20 & 0xff;
  print("family   %u, model %u, stepping %u\nfeatures", family, model, r[0] & 15);
  print_flags(r[3], edx_names, edx_numbers);
  print_flags(r[2], ecx_names, ecx_numbers);
  int has_hypervisor = (r[2] >> 31) != 0;
  cpuid(0x80000000, r);
  if (r[0] >= 0x80000001) {
    cpuid(0x80000001, r);
    if ((r[3] >> 29 & 1) != 0) put_text(" lm");
  }
  put_char('\n');
  if (!has_hypervisor) return;
  cpuid(0x40000000, r);
  vendor[0] = r[1], vendor[1] = r[2], vendor[2] = r[3];
  print("under    %s\n", (const char *)vendor);
}

static void command_time(void) {
  uint32_t now = ticks();
  print("up %u.%02u s by the timer; TSC %U at %u.%03u MHz\n", now / TICKS_PER_SECOND, now % TICKS_PER_SECOND, read_tsc(),
        tsc_khz() / 1000, tsc_khz() % 1000);
}

static void command_primes(uint32_t limit) {
  uint64_t start = read_tsc();
  uint32_t count = limit >= 2, largest = 2;
  for (uint32_t i = 0; i < sizeof sieve; i++) sieve[i] = 0;
  for (uint32_t n = 3; n <= limit; n += 2) {
    if ((sieve[n >> 4] >> (n >> 1 & 7) & 1) != 0) continue;
    count++;
    largest = n;
    if (n > limit / n) continue;
    for (uint32_t multiple = n * n; multiple <= limit; multiple += 2 * n) sieve[multiple >> 4] |= (uint8_t)(1 << (multiple >> 1 & 7));
  }
  print("%u primes up to %u", count, limit);
  if (count > 0) print(", the largest %u", largest);
  print_elapsed(start);
}

static void command_fibonacci(uint32_t n) {
  uint64_t start = read_tsc(), a = 0, b = 1;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t sum = a + b;
    a = b;
    b = sum;
  }
  print("fib(%u) = %U", n, a);
  print_elapsed(start);
}

static void command_help(void) {
  put_text("help        this list\n"
           "echo TEXT   print TEXT\n"
           "mem         the memory map\n"
           "cpuid       what the processor says of itself\n"
           "time        time since the start, and the TSC's rate\n"
           "primes N    count the primes up to N, at most 10000000\n"
           "fib N       the Nth Fibonacci number, N at most 93\n"
           "poweroff    turn the machine off\n"
           "reboot      start it again\n");
}

static void command_with_number(const char *name, const char *argument, uint32_t max, void (*run)(uint32_t)) {
  uint32_t value;
  const char *rest = parse_number(argument, &value);
  while (rest != NULL && *rest == ' ') rest++;
  if (rest == NULL || *rest != 0 || value > max) print("%s takes a number from 0 to %u\n", name, max);
  else run(value);
}

void run_command(char *line, const struct multiboot_info *info) {
  while (*line == ' ') line++;
  char *argument = line;
  while (*argument != 0 && *argument != ' ') argument++;
  if (*argument != 0) *argument++ = 0;
  while (*argument == ' ') argument++;
  if (*line == 0) return;
  if (text_equal(line, "help") || text_equal(line, "?")) command_help();
  else if (text_equal(line, "echo")) print("%s\n", argument);
  else if (text_equal(line, "mem")) command_memory(info);
  else if (text_equal(line, "cpuid")) command_cpuid();
  else if (text_equal(line, "time")) command_time();
  else if (text_equal(line, "primes")) command_with_number(line, argument, PRIMES_MAX, command_primes);
  else if (text_equal(line, "fib")) command_with_number(line, argument, FIBONACCI_MAX, command_fibonacci);
  else if (text_equal(line, "poweroff") || text_equal(line, "exit")) power_off();
  else if (text_equal(line, "reboot")) restart();
  else print("%s: no such command; try help\n", line);
}
