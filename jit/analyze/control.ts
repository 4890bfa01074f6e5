import type { Instruction } from '../decode/instruction.ts';
import { runRow } from '../interp/handler-key.ts';
import type { Row } from '../isa/dsl/row.ts';

/**
 * How an instruction ends its block: `end` it does not; `branch` conditional relative; `jump` relative; `call` relative;
 * `indirect` and `indirect-call` through a register or memory; `return`; `routine` through a system
 * routine that comes back behind its instruction; `system` through any other; `left` in a branch that only the interpreter takes.
 */
export type Ending = 'end' | 'branch' | 'jump' | 'call' | 'indirect' | 'indirect-call' | 'return' | 'routine' | 'system' | 'left';

/**
 * System routines that, when they neither fault nor break off, leave RIP behind the instruction and everything else that
 * translated code relies upon as it was: mode, address space, privilege, rights to pages. Regions call them.
 */
const COME_BACK: ReadonlySet<string> = new Set(['stringOp', 'cmpxchg8b', 'cmpxchg16b', 'cli', 'sti', 'pushf', 'rdtsc', 'rdtscp', 'swapgs']);

const known = new Map<Row, Ending>();

/** How an instruction ends its block. */
export function endingOf(instruction: Instruction): Ending {
  const { row } = instruction;
  let ending = known.get(row);
  if (ending === undefined) {
    ending = look(instruction);
    known.set(row, ending);
  }
  return ending;
}

function look({ row, memory, facts }: Instruction): Ending {
  for (const node of runRow(row, memory, facts).program) {
    if (node.op === 'system') return COME_BACK.has(node.name as string) ? 'routine' : 'system';
    if (node.op === 'branchRelative') return node.name === 'call' ? 'call' : node.args.length > 0 ? 'branch' : 'jump';
    if (node.op === 'jump') return node.name === 'call' ? 'indirect-call' : node.name === 'return' ? 'return' : 'indirect';
  }
  return 'end';
}
