/* Self-modifying code: rewrites a small function's immediates and calls it. */
#include "../bench.h"

/* Writable and executable; the linker script and the native build make its section so. */
static uint8_t code[64] __attribute__((section(".smc,\"awx\",@progbits#"), aligned(64)));

/* mov eax, imm32; xor eax, imm32; ret */
static void write_code(uint32_t a, uint32_t b) {
  volatile uint8_t *at = code;
  at[0] = 0xb8;
  *(volatile uint32_t *)(code + 1) = a;
  at[5] = 0x35;
  *(volatile uint32_t *)(code + 6) = b;
  at[10] = 0xc3;
}

static uint32_t run_smc(void) {
  uint32_t state = 17, sum = 0;
  uint32_t (*function)(void) = (uint32_t (*)(void))(uintptr_t)code;
  for (uint32_t i = 0; i < 40000u; i++) {
    uint32_t a = next_random(&state);
    write_code(a, i);
    OPAQUE(function);
    sum = (sum << 3 | sum >> 29) ^ function();
    sum += function();
  }
  return sum;
}

const bench_case smc_cases[] = {
    {"smc", NULL, run_smc},
    {NULL, NULL, NULL},
};
