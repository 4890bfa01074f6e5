import { type InstructionFacts, Machine, type Operand } from '../ir/machine.ts';
import type { Node, Width } from '../ir/node.ts';
import { operandWidth } from '../decode/decode-instruction.ts';
import type { Row } from '../isa/dsl/row.ts';

/** Facts of an instruction that may need a handler of their own. */
export type Dimension = 'mode' | 'stackWidth' | 'addressWidth' | 'lock';

/** A handler: a row, its register or memory form, and the facts it depends on. */
export interface HandlerKey {
  readonly row: Row;
  readonly memory: boolean;
  readonly facts: InstructionFacts;
}

/** Nodes whose code depends on the code size. */
const MODE_NODES = new Set(['nextRip', 'relativeTarget', 'linear', 'checkTarget', 'branchRelative', 'jump', 'system']);

/** Operands of an interpreter handler: everything comes from the record. */
export function recordOperands(row: Row, memory: boolean): Operand[] {
  return row.operands.map((kind): Operand => {
    const width = operandWidth(kind, row.size);
    const inRm = /^(rm\d|xm|qm)/.test(kind);
    if ((inRm && memory) || /^m\d*$/.test(kind) || kind.startsWith('moffs')) return { kind: 'memory', memory: 'record', width };
    const file = kind.startsWith('x') ? 'xmm' : kind.startsWith('q') ? 'mmx' : 'gpr';
    if (inRm || kind === 'xr' || kind === 'qr') return { kind: 'register', register: { file, index: 'rm' }, width };
    if (/^r\d/.test(kind) || kind === 'x' || kind === 'q') return { kind: 'register', register: { file, index: 'reg' }, width };
    if (/^o\d/.test(kind)) return { kind: 'register', register: { file, index: 'rm' }, width };
    if (/^v\d/.test(kind)) return { kind: 'register', register: { file, index: 'extra' }, width };
    if (/^(al|ax|eax|rax)$/.test(kind)) return { kind: 'register', register: { file, index: 0 }, width };
    if (kind === 'cl') return { kind: 'register', register: { file, index: 1 }, width: 8 };
    if (kind === 'dx') return { kind: 'register', register: { file, index: 2 }, width: 16 };
    if (kind === 'one') return { kind: 'immediate', value: 1n, width: 8 };
    return { kind: 'immediate', value: 'record', width: immediateWidth(kind, row.size) };
  });
}

function immediateWidth(kind: string, size: Width): Width {
  if (kind === 'imm8') return 8;
  if (kind === 'imm16') return 16;
  if (kind === 'imm32' || kind === 'sreg' || kind === 'creg' || kind === 'dreg' || kind === 'sti') return 32;
  return kind === 'imm8s' ? size : 64;
}

/** Runs the meaning of a row and says which facts it looked at. */
export function runRow(row: Row, memory: boolean, facts: InstructionFacts): { program: Node[]; used: Set<Dimension> } {
  const used = new Set<Dimension>();
  const tracked = new Proxy(facts, {
    get(target, name) {
      if (name === 'mode' || name === 'stackWidth' || name === 'addressWidth' || (name === 'lock' && row.lock)) used.add(name);
      return target[name as keyof InstructionFacts];
    },
  });
  void memory;
  const machine = new Machine(tracked);
  row.sem(machine);
  const visit = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      if (MODE_NODES.has(node.op)) used.add('mode');
      if (node.then) visit(node.then);
      if (node.otherwise) visit(node.otherwise);
    }
  };
  visit(machine.program);
  return { program: machine.program, used };
}

/** The forms (register, memory) a row has in the interpreter. */
export function formsOf(row: Row): readonly boolean[] {
  if (row.operands.some((k) => k.startsWith('moffs'))) return [false];
  if (!row.modrm) return [false];
  const hasRm = row.operands.some((k) => /^(rm\d|xm|qm)/.test(k));
  if (row.form === 'memory') return [true];
  if (row.form === 'register' || !hasRm) return row.operands.some((k) => /^m\d*$/.test(k)) ? [true] : [false];
  return [false, true];
}

/** Modes in which a row can run. */
export function modesOf(row: Row): readonly (16 | 32 | 64)[] {
  if (row.modes === 'only64') return [64];
  if (row.modes === 'no64') return [16, 32];
  if (row.operandSize === 64 && !row.vex) return [64];
  if (row.long === 'force64' && row.operandSize !== undefined) return [16, 32];
  return [16, 32, 64];
}

/** Name of a handler: row id, form, and the facts that matter to it. */
export function handlerName(rowId: string, memory: boolean, used: Iterable<string>, facts: InstructionFacts): string {
  let name = `${rowId}/${memory ? 'm' : 'r'}`;
  for (const dimension of [...used].sort()) name += `/${dimension[0]}${facts[dimension as Dimension]}`;
  return name;
}

/** All handlers of a row and the dimensions that tell them apart, by form. */
export function handlersOf(row: Row): { name: string; key: HandlerKey; program: Node[] }[] {
  const out: { name: string; key: HandlerKey; program: Node[] }[] = [];
  for (const memory of formsOf(row)) {
    const used = dimensionsOf(row, memory);
    const modes = modesOf(row);
    const done = new Set<string>();
    for (const mode of modes) {
      for (const stackWidth of mode === 64 ? ([64] as const) : ([16, 32] as const)) {
        for (const addressWidth of mode === 64 ? ([64, 32] as const) : ([16, 32] as const)) {
          for (const lock of used.has('lock') ? [false, true] : [false]) {
            const facts = { ...handlerFacts(row, memory, mode, stackWidth, addressWidth), lock };
            const name = handlerName(row.id, memory, used, facts);
            if (done.has(name)) continue;
            done.add(name);
            out.push({ name, key: { row, memory, facts }, program: runRow(row, memory, facts).program });
          }
        }
      }
    }
  }
  return out;
}

/** Facts of a handler: dynamic ones (REP, segment) come from the record. */
export function handlerFacts(row: Row, memory: boolean, mode: 16 | 32 | 64, stackWidth: 16 | 32 | 64, addressWidth: 16 | 32 | 64): InstructionFacts {
  return { operands: recordOperands(row, memory || row.form === 'memory'), size: row.size, mode, stackWidth, addressWidth, lock: false, repeat: 0, segment: 3 };
}

/** The dimensions a row form depends on, over all modes it runs in. */
export function dimensionsOf(row: Row, memory: boolean): Set<Dimension> {
  const used = new Set<Dimension>();
  for (const mode of modesOf(row)) {
    for (const d of runRow(row, memory, handlerFacts(row, memory, mode, mode === 64 ? 64 : 32, mode === 64 ? 64 : 32)).used) used.add(d);
  }
  return used;
}
