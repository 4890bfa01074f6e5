import type { Row } from '../dsl/row.ts';
import { arith } from './arith.ts';
import { bcd } from './bcd.ts';
import { bits } from './bit.ts';
import { branches } from './branch.ts';
import { crypto } from './crypto.ts';
import { farBranches } from './far-branch.ts';
import { fpuArith } from './fpu-arith.ts';
import { fpuControl } from './fpu-control.ts';
import { fpuLoads } from './fpu-load.ts';
import { io } from './io.ts';
import { segments } from './segment.ts';
import { strings } from './string.ts';
import { system } from './system.ts';
import { flags } from './flag.ts';
import { mmxRows } from './mmx.ts';
import { moves } from './move.ts';
import { muldiv } from './muldiv.ts';
import { shifts } from './shift.ts';
import { sseConvert } from './sse-convert.ts';
import { sseFloat } from './sse-float.ts';
import { sseInteger } from './sse-integer.ts';
import { sseMove } from './sse-move.ts';
import { sseShuffle } from './sse-shuffle.ts';
import { sse4 } from './sse4.ts';
import { stack } from './stack.ts';

/** Every row of the instruction set. Ids are unique; the table checks itself when it is loaded. */
export const TABLE: readonly Row[] = [...arith, ...muldiv, ...shifts, ...bits, ...moves, ...stack, ...branches, ...flags, ...bcd,
  ...farBranches, ...fpuArith, ...fpuControl, ...fpuLoads, ...io, ...segments, ...strings, ...system,
  ...mmxRows, ...sseMove, ...sseInteger, ...sseShuffle, ...sseFloat, ...sseConvert, ...sse4, ...crypto,
];

const seen = new Set<string>();
for (const { id } of TABLE) {
  if (seen.has(id)) throw new Error(`two rows are called ${id}`);
  seen.add(id);
}
