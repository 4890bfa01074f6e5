/* SHA-256 (FIPS 180-4; constants computed, not listed) and bitwise CRC-32 (IEEE 802.3). */
#include "../bench.h"

#define MESSAGE_SIZE (256u * 1024u)
#define ROUNDS 80u
static uint8_t message[MESSAGE_SIZE];
static uint32_t constants[64], initial[8];

/* Cube and square roots of primes, first 32 bits of the fraction, by integer bisection. */
static uint32_t root_fraction(uint32_t prime, int cube) {
  uint64_t low = 0, high = 8ull << 32;
  while (high - low > 1) {
    uint64_t mid = (low + high) >> 1;
    /* Compare (mid / 2^32)^n with prime in limbs of 32 bits, so that nothing overflows. */
    uint32_t factor[2] = {(uint32_t)mid, (uint32_t)(mid >> 32)};
    uint32_t power[6] = {factor[0], factor[1], 0, 0, 0, 0};
    int times = cube ? 2 : 1;
    for (int t = 0; t < times; t++) {
      uint32_t out[6] = {0, 0, 0, 0, 0, 0};
      for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 2; j++) {
          carry += (uint64_t)power[i] * factor[j] + out[i + j];
          out[i + j] = (uint32_t)carry;
          carry >>= 32;
        }
        out[i + 2] += (uint32_t)carry;
      }
      for (int i = 0; i < 6; i++) power[i] = out[i];
    }
    if (power[times + 1] >= prime) high = mid;
    else low = mid;
  }
  return (uint32_t)low;
}

static void setup_sha256(void) {
  uint32_t seed = 99, found = 0;
  for (uint32_t i = 0; i < MESSAGE_SIZE; i++) message[i] = (uint8_t)(next_random(&seed) >> 24);
  for (uint32_t n = 2; found < 64; n++) {
    uint32_t d = 2;
    while (d * d <= n && n % d) d++;
    if (d * d <= n) continue;
    if (found < 8) initial[found] = root_fraction(n, 0);
    constants[found++] = root_fraction(n, 1);
  }
}

static inline uint32_t rotate(uint32_t v, int by) { return v >> by | v << (32 - by); }

static void compress(uint32_t *state, const uint8_t *block) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
           (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  for (int i = 0; i < 8; i++) s[i] = state[i];
  for (int i = 0; i < 64; i++) {
    uint32_t e = s[4], a = s[0];
    uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                  ((e & s[5]) ^ (~e & s[6])) + constants[i] + w[i];
    uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                  ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    s[7] = s[6], s[6] = s[5], s[5] = e;
    s[4] = s[3] + t1;
    s[3] = s[2], s[2] = s[1], s[1] = a;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

static uint32_t run_sha256(void) {
  uint32_t state[8], sum = FOLD_START;
  for (int i = 0; i < 8; i++) state[i] = initial[i];
  for (uint32_t round = 0; round < ROUNDS; round++)
    for (uint32_t at = 0; at < MESSAGE_SIZE; at += 64) compress(state, message + at);
  uint8_t padding[64] = {0x80}; /* the length in bits ends the last block, big-endian */
  for (int i = 0; i < 4; i++) padding[60 + i] = (uint8_t)(MESSAGE_SIZE * 8u * ROUNDS >> (24 - 8 * i));
  compress(state, padding);
  for (int i = 0; i < 8; i++) sum = fold(sum, state[i]);
  return sum;
}

static uint32_t run_crc32(void) {
  uint32_t crc = ~0u;
  for (int round = 0; round < 100; round++)
    for (uint32_t i = 0; i < MESSAGE_SIZE; i++) {
      crc ^= message[i];
      for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
  return ~crc;
}

const bench_case hash_cases[] = {
    {"sha256", setup_sha256, run_sha256},
    {"crc32", setup_sha256, run_crc32},
    {NULL, NULL, NULL},
};
