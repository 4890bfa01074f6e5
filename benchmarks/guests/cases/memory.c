/* Memory: dependent loads, REP string instructions, and byte loops as in a plain C library. */
#include "../bench.h"

#define NODES 262144u
typedef struct node {
  struct node *next;
  uint32_t value;
} node;
static node nodes[NODES];
static uint32_t order[NODES];

/* One random cycle through all nodes (Sattolo's shuffle). */
static void setup_chase(void) {
  uint32_t seed = 11;
  for (uint32_t i = 0; i < NODES; i++) order[i] = i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t j = (uint32_t)(((uint64_t)next_random(&seed) * i) >> 32), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  for (uint32_t i = 0; i < NODES; i++) {
    nodes[i].next = &nodes[order[i]];
    nodes[i].value = i * 2654435761u;
  }
}

static uint32_t run_chase(void) {
  const node *at = nodes;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < 5000000u; i++) {
    sum = (sum << 1 | sum >> 31) ^ at->value;
    at = at->next;
  }
  return sum;
}

#define BLOCK 65536u
static uint8_t from[BLOCK + 64], to[BLOCK + 64];

static void setup_blocks(void) {
  uint32_t seed = 23;
  for (uint32_t i = 0; i < sizeof from; i++) {
    from[i] = (uint8_t)(next_random(&seed) >> 24 | 1);
    to[i] = 0;
  }
}

static uint32_t sum_block(void) {
  uint32_t sum = FOLD_START;
  for (uint32_t i = 0; i < BLOCK; i++) sum = fold(sum, to[i]);
  return sum;
}

static uint32_t run_rep_movs(void) {
  for (uint32_t round = 0; round < 8000; round++) {
    void *target = to, *source = from + (round & 15);
    size_t count = BLOCK / 4;
    __asm__ volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
    target = to + 1000, source = from + 3, count = 4097;
    __asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
    target = to + 8192, count = 1024;
    __asm__ volatile("rep stosl" : "+D"(target), "+c"(count) : "a"(round) : "memory");
  }
  return sum_block();
}

static NO_INLINE void copy_bytes(uint8_t *target, const uint8_t *source, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint8_t byte = source[i];
    __asm__ volatile("" : "+q"(byte)); /* stays a byte loop */
    target[i] = byte;
  }
}

static NO_INLINE size_t length_of(const uint8_t *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

static NO_INLINE int compare_texts(const uint8_t *a, const uint8_t *b) {
  while (*a && *a == *b) a++, b++;
  return *a - *b;
}

static NO_INLINE void upper_case(uint8_t *text) {
  for (; *text; text++)
    if (*text >= 'a' && *text <= 'z') *text = (uint8_t)(*text - 32);
}

static uint32_t run_strings(void) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < 500; round++) {
    uint32_t length = BLOCK - 1 - round;
    copy_bytes(to, from, length);
    to[length] = 0;
    sum += (uint32_t)length_of(to);
    sum ^= (uint32_t)compare_texts(to, from);
    upper_case(to);
  }
  return sum ^ sum_block();
}

const bench_case memory_cases[] = {
    {"chase", setup_chase, run_chase},
    {"rep-movs", setup_blocks, run_rep_movs},
    {"strings", setup_blocks, run_strings},
    {NULL, NULL, NULL},
};
