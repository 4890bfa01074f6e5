/* What the cases, the drivers and main.c share. The same C runs on the bare machine and natively. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/*
 * One benchmark kernel. `run` does one repetition from a fresh state and returns its checksum, so
 * that the checksum does not depend on the number of repetitions nor on the width of a pointer.
 */
typedef struct {
  const char *name;
  void (*setup)(void); /* outside the timed part; may be NULL */
  uint32_t (*run)(void);
} bench_case;

extern const bench_case integer_cases[], hash_cases[], x87_cases[], sse_scalar_cases[],
    sse_packed_cases[], control_cases[], call_cases[], memory_cases[], smc_cases[], system_cases[];

/* Supplied by each driver in boot/. */
void put_char(char c);
void finish(int failed) __attribute__((noreturn));

/* Runs what the command line asks for; never returns. */
void bench_main(const char *command_line) __attribute__((noreturn));

/* Pseudo-random numbers, the same everywhere (Numerical Recipes' LCG constants). */
static inline uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state;
}

/* Folds a value into a checksum (FNV-1a over words). */
static inline uint32_t fold(uint32_t sum, uint32_t value) { return (sum ^ value) * 16777619u; }

#define FOLD_START 2166136261u
#define NO_INLINE __attribute__((noinline))

/* Keeps the compiler from looking through a value. */
#define OPAQUE(v) __asm__ volatile("" : "+r"(v))

#endif
