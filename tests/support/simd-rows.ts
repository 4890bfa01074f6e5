import type { Row } from '../../jit/isa/dsl/row.ts';
import { crypto } from '../../jit/isa/table/crypto.ts';
import { mmxRows } from '../../jit/isa/table/mmx.ts';
import { sse4 } from '../../jit/isa/table/sse4.ts';
import { sseConvert } from '../../jit/isa/table/sse-convert.ts';
import { sseFloat } from '../../jit/isa/table/sse-float.ts';
import { sseInteger } from '../../jit/isa/table/sse-integer.ts';
import { sseMove } from '../../jit/isa/table/sse-move.ts';
import { sseShuffle } from '../../jit/isa/table/sse-shuffle.ts';

/** Every row on MMX and XMM registers. */
export const simdRows: readonly Row[] = [...mmxRows, ...sseMove, ...sseInteger, ...sseShuffle, ...sseFloat, ...sseConvert, ...sse4, ...crypto];

/** Reproducible random 32-bit numbers. */
export function* randomWords(seed: number): Generator<number, never> {
  let x = seed | 1;
  for (;;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x >>> 0;
  }
}
