import type { Instruction } from '../decode/instruction.ts';
import { runRow } from '../interp/handler-key.ts';
import type { Row } from '../isa/dsl/row.ts';

const known = new Map<Row, boolean>();

/** True when an instruction ends its block: a branch or a system routine. */
export function endsBlock(row: Row, instruction: Instruction): boolean {
  let ends = known.get(row);
  if (ends === undefined) {
    ends = runRow(row, instruction.memory, instruction.facts).program.some((n) => n.op === 'system' || n.op === 'branchRelative' || n.op === 'jump');
    known.set(row, ends);
  }
  return ends;
}
