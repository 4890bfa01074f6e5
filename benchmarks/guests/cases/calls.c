/* Calls: a quicksort through a comparison pointer, recursive Fibonacci, indirect calls. */
#include "../bench.h"

#define COUNT 50000u
static uint32_t numbers[COUNT];

static NO_INLINE int compare_numbers(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t size) {
  while (size--) {
    uint8_t t = *a;
    *a++ = *b;
    *b++ = t;
  }
}

static NO_INLINE void sort(uint8_t *base, size_t count, size_t size, int (*compare)(const void *, const void *)) {
  while (count > 1) {
    swap_bytes(base, base + count / 2 * size, size);
    size_t split = 0;
    for (size_t i = 1; i < count; i++)
      if (compare(base + i * size, base) < 0) {
        split++;
        if (split != i) swap_bytes(base + i * size, base + split * size, size);
      }
    swap_bytes(base, base + split * size, size);
    sort(base, split, size, compare);
    base += (split + 1) * size;
    count -= split + 1;
  }
}

static uint32_t run_qsort(void) {
  uint32_t sum = FOLD_START;
  for (uint32_t round = 0; round < 12; round++) {
    uint32_t seed = round + 1;
    int (*compare)(const void *, const void *) = compare_numbers;
    OPAQUE(compare);
    for (uint32_t i = 0; i < COUNT; i++) numbers[i] = next_random(&seed);
    sort((uint8_t *)numbers, COUNT, sizeof *numbers, compare);
    for (uint32_t i = 0; i < COUNT; i += 1000) sum = fold(sum, numbers[i]);
  }
  return sum;
}

/* One level per call: the compiler is kept from unrolling the recursion. */
__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls", "no-inline"))) static uint32_t fibonacci(uint32_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static uint32_t run_fib(void) { return fibonacci(35); }

#define TARGET(i) static NO_INLINE uint32_t target_##i(uint32_t v) { return v * (2 * i + 1) + (v >> (i + 1)); }
TARGET(0) TARGET(1) TARGET(2) TARGET(3) TARGET(4) TARGET(5) TARGET(6) TARGET(7)
TARGET(8) TARGET(9) TARGET(10) TARGET(11) TARGET(12) TARGET(13) TARGET(14) TARGET(15)
static uint32_t (*volatile const targets[16])(uint32_t) = {
    target_0, target_1, target_2,  target_3,  target_4,  target_5,  target_6,  target_7,
    target_8, target_9, target_10, target_11, target_12, target_13, target_14, target_15};

static uint32_t run_indirect(void) {
  uint32_t state = 5, sum = 0;
  for (uint32_t i = 0; i < 12000000u; i++) sum += targets[next_random(&state) >> 28](sum ^ i);
  return sum;
}

const bench_case call_cases[] = {
    {"qsort", NULL, run_qsort},
    {"fib", NULL, run_fib},
    {"indirect", NULL, run_indirect},
    {NULL, NULL, NULL},
};
