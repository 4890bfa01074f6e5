/* A matrix product in double precision; included once per unit with its own compiler flags. */
#include "../bench.h"

#define SIZE 96
static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

/*
 * Numbers that do not fit a double exactly, so that rounding counts, and so that the sticky inexact
 * flag is set as in any real program: QEMU computes in software until it is.
 */
static void setup_matmul(void) {
  uint32_t seed = 3;
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      left[i][j] = (double)(int32_t)(next_random(&seed) >> 8) / 65537.0;
      right[i][j] = (double)(int32_t)(next_random(&seed) >> 8) / 65537.0 - 100.0;
    }
}

static uint32_t sum_product(void) {
  uint32_t sum = FOLD_START;
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      union {
        double number;
        uint32_t words[2];
      } cell;
      cell.number = product[i][j];
      sum = fold(fold(sum, cell.words[0]), cell.words[1]);
    }
  return sum;
}

static inline uint32_t multiply(int rounds) {
  for (int round = 0; round < rounds; round++)
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j++) {
        double cell = round;
        for (int k = 0; k < SIZE; k++) cell += left[i][k] * right[k][j];
        product[i][j] = cell;
      }
  return sum_product();
}
