/* Double precision through the x87 stack (this unit is built with -mfpmath=387). */
#include "matmul.h"

static uint32_t run_x87(void) { return multiply(6); }

/* Division, square root and constants, the slower half of the x87. */
static uint32_t run_x87_div(void) {
  uint32_t sum = FOLD_START;
  for (int i = 1; i < 1000000; i++) {
    double x = i, y;
    __asm__("fsqrt" : "=t"(y) : "0"(x));
    int32_t scaled = (int32_t)(1000000.0 / y + x / 3.0);
    sum = fold(sum, (uint32_t)scaled);
  }
  return sum;
}

const bench_case x87_cases[] = {
    {"x87-matmul", setup_matmul, run_x87},
    {"x87-div", NULL, run_x87_div},
    {NULL, NULL, NULL},
};
