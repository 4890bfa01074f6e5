/* Chooses the cases by command line (run=alu,sieve reps=N) and prints the lines the host times. */
#include "bench.h"

static const bench_case *const groups[] = {
    integer_cases, hash_cases,   x87_cases, sse_scalar_cases, sse_packed_cases, control_cases,
    call_cases,    memory_cases, smc_cases, system_cases,
};

static void put_text(const char *text) {
  while (*text) put_char(*text++);
}

static void put_hex(uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) put_char("0123456789abcdef"[value >> shift & 15]);
}

/* The text behind `key` at the start of a word, or NULL. */
static const char *find_option(const char *line, const char *key) {
  for (int at_word = 1; *line; at_word = *line++ == ' ') {
    const char *a = line, *b = key;
    while (*b && *a == *b) a++, b++;
    if (at_word && !*b) return a;
  }
  return NULL;
}

static uint32_t parse_number(const char *text) {
  uint32_t value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + (uint32_t)(*text++ - '0');
  return value;
}

/* Is `name` one of the comma-separated names in `list`? No list means every name. */
static int is_chosen(const char *list, const char *name) {
  if (!list) return 1;
  for (;;) {
    const char *n = name;
    while (*n && *list == *n) list++, n++;
    int at_end = *list == 0 || *list == ' ' || *list == ',';
    if (!*n && at_end) return 1;
    while (*list && *list != ' ' && *list != ',') list++;
    if (*list != ',') return 0;
    list++;
  }
}

static void run_case(const bench_case *one, uint32_t reps) {
  if (one->setup) one->setup();
  put_text("BEGIN ");
  put_text(one->name);
  put_char('\n');
  uint32_t first = one->run(), differing = 0;
  for (uint32_t i = 1; i < reps; i++) differing |= first ^ one->run();
  put_text("END ");
  put_text(one->name);
  put_char(' ');
  if (differing) put_text("unstable");
  else put_hex(first);
  put_char('\n');
}

void bench_main(const char *command_line) {
  const char *list = find_option(command_line, "run=");
  const char *reps_text = find_option(command_line, "reps=");
  uint32_t reps = reps_text ? parse_number(reps_text) : 1;
  if (reps == 0) reps = 1;
  for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
    for (const bench_case *one = groups[g]; one->name; one++)
      if (is_chosen(list, one->name)) run_case(one, reps);
  put_text("DONE\n");
  finish(0);
}
