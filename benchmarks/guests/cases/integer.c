/* Integer hot loops: arithmetic, a sieve, an integer matrix product and bit twiddling. */
#include "../bench.h"

static uint32_t run_alu(void) {
  uint32_t a = 0x12345678u, b = 0x9abcdef0u, c = 1, d = 0x0f1e2d3cu;
  for (uint32_t i = 0; i < 60000000u; i++) {
    a += b ^ i;
    b = (b << 5 | b >> 27) - c;
    c ^= a & d;
    d = d * 3 + (c >> 7);
    if ((int32_t)(a - d) < 0) b ^= i;
  }
  return a ^ b ^ c ^ d;
}

#define SIEVE_SIZE 1000000u
static uint8_t composite[SIEVE_SIZE];

static uint32_t run_sieve(void) {
  uint32_t count = 0;
  for (int round = 0; round < 36; round++) {
    count = 0;
    for (uint32_t i = 0; i < SIEVE_SIZE; i++) composite[i] = 0;
    for (uint32_t i = 2; i < SIEVE_SIZE; i++) {
      if (composite[i]) continue;
      count++;
      for (uint32_t j = i + i; j < SIEVE_SIZE; j += i) composite[j] = 1;
    }
  }
  return count;
}

#define N 128
static int32_t left[N][N], right[N][N], product[N][N];

static void setup_imatmul(void) {
  uint32_t seed = 7;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      left[i][j] = (int32_t)(next_random(&seed) >> 16);
      right[i][j] = (int32_t)(next_random(&seed) >> 16);
    }
}

static uint32_t run_imatmul(void) {
  uint32_t sum = FOLD_START;
  for (int round = 0; round < 60; round++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        uint32_t cell = (uint32_t)round;
        for (int k = 0; k < N; k++) cell += (uint32_t)left[i][k] * (uint32_t)right[k][j];
        product[i][j] = (int32_t)cell;
      }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) sum = fold(sum, (uint32_t)product[i][j]);
  return sum;
}

static uint32_t reverse_bits(uint32_t v) {
  v = (v >> 1 & 0x55555555u) | (v & 0x55555555u) << 1;
  v = (v >> 2 & 0x33333333u) | (v & 0x33333333u) << 2;
  v = (v >> 4 & 0x0f0f0f0fu) | (v & 0x0f0f0f0fu) << 4;
  return __builtin_bswap32(v);
}

static uint32_t count_bits(uint32_t v) {
  v -= v >> 1 & 0x55555555u;
  v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
  return ((v + (v >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

static uint32_t run_bits(void) {
  uint32_t state = 1, sum = FOLD_START;
  for (uint32_t i = 0; i < 40000000u; i++) {
    uint32_t v = next_random(&state) | 1u << (i & 31);
    uint32_t lowest = (uint32_t)__builtin_ctz(v), highest = 31u - (uint32_t)__builtin_clz(v);
    uint32_t by = (highest & 7) | 1;
    sum += reverse_bits(v) ^ (count_bits(v) << lowest) ^ (sum << by | sum >> (32 - by));
  }
  return sum;
}

const bench_case integer_cases[] = {
    {"alu", NULL, run_alu},
    {"sieve", NULL, run_sieve},
    {"imatmul", setup_imatmul, run_imatmul},
    {"bits", NULL, run_bits},
    {NULL, NULL, NULL},
};
