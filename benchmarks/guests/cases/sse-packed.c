/* The same matrices with packed SSE2: two doubles, then four floats at a time. */
#include "matmul.h"

/* gcc's vector types rather than emmintrin.h, which wants the C library's headers. */
typedef double two_doubles __attribute__((vector_size(16), aligned(8), may_alias));
typedef float four_floats __attribute__((vector_size(16), aligned(4), may_alias));

static float left_f[SIZE][SIZE], right_f[SIZE][SIZE], product_f[SIZE][SIZE];

static void setup_packed(void) {
  setup_matmul();
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      left_f[i][j] = (float)left[i][j];
      right_f[i][j] = (float)right[i][j];
    }
}

static uint32_t run_sse_double(void) {
  for (int round = 0; round < 20; round++)
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j += 2) {
        two_doubles cell = {round, round};
        for (int k = 0; k < SIZE; k++) cell += left[i][k] * *(const two_doubles *)&right[k][j];
        *(two_doubles *)&product[i][j] = cell;
      }
  return sum_product();
}

static uint32_t run_sse_float(void) {
  uint32_t sum = FOLD_START;
  for (int round = 0; round < 60; round++)
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j += 4) {
        float start = (float)round;
        four_floats cell = {start, start, start, start};
        for (int k = 0; k < SIZE; k++) cell += left_f[i][k] * *(const four_floats *)&right_f[k][j];
        *(four_floats *)&product_f[i][j] = cell;
      }
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      union {
        float number;
        uint32_t word;
      } cell;
      cell.number = product_f[i][j];
      sum = fold(sum, cell.word);
    }
  return sum;
}

const bench_case sse_packed_cases[] = {
    {"sse-packed-double", setup_packed, run_sse_double},
    {"sse-packed-float", setup_packed, run_sse_float},
    {NULL, NULL, NULL},
};
