/* Double precision with scalar SSE2 (this unit is built with -msse2 -mfpmath=sse). */
#include "matmul.h"

static uint32_t run_sse_scalar(void) { return multiply(20); }

const bench_case sse_scalar_cases[] = {
    {"sse-scalar", setup_matmul, run_sse_scalar},
    {NULL, NULL, NULL},
};
