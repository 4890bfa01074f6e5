/* The same cases as a plain Linux program without a C library: the peer "native". */
#include "../bench.h"

const bench_case system_cases[] = {{NULL, NULL, NULL}};

static char line[128];
static size_t used;

static void write_out(void) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(1), "D"(1), "S"(line), "d"(used) : "rcx", "r11", "memory");
#else
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(4), "b"(1), "c"(line), "d"(used) : "memory");
#endif
  used = 0;
}

void put_char(char c) {
  line[used++] = c;
  if (c == '\n' || used == sizeof line) write_out();
}

void finish(int failed) {
  for (;;) {
#ifdef __x86_64__
    __asm__ volatile("syscall" : : "a"(231), "D"(failed) : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $0x80" : : "a"(252), "b"(failed) : "memory");
#endif
  }
}

/* The kernel leaves argc and argv at the stack's top; the arguments are joined with spaces. */
void __attribute__((used)) native_main(uintptr_t *stack) {
  static char joined[512];
  size_t length = 0;
  char **arguments = (char **)(stack + 1);
  for (uintptr_t i = 1; i < stack[0]; i++)
    for (const char *at = arguments[i];; at++) {
      if (length < sizeof joined - 1) joined[length++] = *at ? *at : ' ';
      if (!*at) break;
    }
  bench_main(joined);
}

#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call native_main\n");
#else
__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call native_main\n");
#endif
