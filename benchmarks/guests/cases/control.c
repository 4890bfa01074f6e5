/* A bytecode interpreter with computed goto: what a language runtime looks like from below. */
#include "../bench.h"

enum { OP_PUSH, OP_LOAD, OP_STORE, OP_ADD, OP_SUB, OP_XOR, OP_MUL, OP_LESS, OP_JUMP, OP_BRANCH, OP_DUP, OP_HALT };

/* for (i = 0; i < limit; i++) { x = x * 5 + i; y = (y ^ x) - (i < y) } ; result y */
enum { VAR_I, VAR_X, VAR_Y, VAR_LIMIT };
static const int32_t program[] = {
    /* 0 */ OP_PUSH,   0,         OP_STORE, VAR_I, OP_PUSH, 1,      OP_STORE, VAR_X, OP_PUSH, 2, OP_STORE, VAR_Y,
    /* 12 */ OP_LOAD,  VAR_I,     OP_LOAD,  VAR_LIMIT, OP_LESS, OP_BRANCH, 21,
    /* 19 */ OP_JUMP,  53,
    /* 21 */ OP_LOAD,  VAR_X,     OP_PUSH,  5,     OP_MUL,  OP_LOAD, VAR_I,   OP_ADD, OP_DUP, OP_STORE, VAR_X,
    /* 32 */ OP_LOAD,  VAR_Y,     OP_XOR,   OP_LOAD, VAR_I, OP_LOAD, VAR_Y,   OP_LESS, OP_SUB, OP_STORE, VAR_Y,
    /* 43 */ OP_LOAD,  VAR_I,     OP_PUSH,  1,     OP_ADD,  OP_STORE, VAR_I,  OP_JUMP, 12, OP_HALT,
    /* 53 */ OP_LOAD,  VAR_Y,     OP_HALT,
};

static NO_INLINE uint32_t interpret(const int32_t *code, int32_t limit) {
  static const void *const handlers[] = {&&push, &&load, &&store, &&add,    &&sub, &&xor,
                                         &&mul,  &&less, &&jump,  &&branch, &&dup, &&halt};
  uint32_t stack[16], vars[4] = {0, 0, 0, (uint32_t)limit}, *top = stack;
  const int32_t *at = code;
#define NEXT goto *handlers[*at++]
  NEXT;
push: *top++ = (uint32_t)*at++; NEXT;
load: *top++ = vars[*at++]; NEXT;
store: vars[*at++] = *--top; NEXT;
add: top--; top[-1] += *top; NEXT;
sub: top--; top[-1] -= *top; NEXT;
xor: top--; top[-1] ^= *top; NEXT;
mul: top--; top[-1] *= *top; NEXT;
less: top--; top[-1] = (int32_t)top[-1] < (int32_t)*top; NEXT;
jump: at = code + *at; NEXT;
branch: at = *--top ? code + *at : at + 1; NEXT;
dup: *top = top[-1]; top++; NEXT;
halt: return top[-1];
#undef NEXT
}

static uint32_t run_bytecode(void) { return interpret(program, 1800000); }

const bench_case control_cases[] = {
    {"bytecode", NULL, run_bytecode},
    {NULL, NULL, NULL},
};
