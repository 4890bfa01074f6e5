/* The same matrices with packed SSE2: two doubles, then four floats at a time. */
#include <emmintrin.h>

#include "matmul.h"

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
        __m128d cell = _mm_set1_pd(round);
        for (int k = 0; k < SIZE; k++)
          cell = _mm_add_pd(cell, _mm_mul_pd(_mm_set1_pd(left[i][k]), _mm_loadu_pd(&right[k][j])));
        _mm_storeu_pd(&product[i][j], cell);
      }
  return sum_product();
}

static uint32_t run_sse_float(void) {
  uint32_t sum = FOLD_START;
  for (int round = 0; round < 60; round++)
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j += 4) {
        __m128 cell = _mm_set1_ps((float)round);
        for (int k = 0; k < SIZE; k++)
          cell = _mm_add_ps(cell, _mm_mul_ps(_mm_set1_ps(left_f[i][k]), _mm_loadu_ps(&right_f[k][j])));
        _mm_storeu_ps(&product_f[i][j], cell);
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
