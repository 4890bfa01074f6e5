import type { Node } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';

/** Operations of arithmetic instructions: the microcode's fast path, which operand comes first, and whether the second changes its sign. */
export interface X87Operation {
  readonly routine: 'x87_sum' | 'x87_product' | 'x87_quotient';
  readonly reversed: boolean;
  readonly negated: boolean;
}

/** What a memory operand is. */
export type X87Source = 'm32' | 'm64' | 'i16' | 'i32' | 'i64';

/** What a region does with the register stack in locals in place of a routine, when nothing unusual is met. */
export type X87Action =
  | { readonly kind: 'registers'; readonly operation: X87Operation; readonly pop: boolean }
  | { readonly kind: 'memory'; readonly operation: X87Operation; readonly source: X87Source }
  | { readonly kind: 'root' }
  | { readonly kind: 'load'; readonly source: X87Source }
  | { readonly kind: 'constant'; readonly sig: bigint; readonly se: number }
  | { readonly kind: 'sign'; readonly and: number; readonly xor: number }
  | { readonly kind: 'copy'; readonly pop: boolean }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'exchange' };

const operation = (routine: X87Operation['routine'], reversed = false, negated = false): X87Operation => ({ routine, reversed, negated });

const OPERATIONS: Readonly<Record<string, X87Operation>> = {
  add: operation('x87_sum'),
  sub: operation('x87_sum', false, true),
  subr: operation('x87_sum', true, true),
  mul: operation('x87_product'),
  div: operation('x87_quotient'),
  divr: operation('x87_quotient', true),
};

const actions = new Map<string, X87Action>([
  ['x87_fld_m32', { kind: 'load', source: 'm32' }],
  ['x87_fld_m64', { kind: 'load', source: 'm64' }],
  ['x87_fild_m16', { kind: 'load', source: 'i16' }],
  ['x87_fild_m32', { kind: 'load', source: 'i32' }],
  ['x87_fild_m64', { kind: 'load', source: 'i64' }],
  ['x87_fld1', { kind: 'constant', sig: -(1n << 63n), se: 0x3fff }],
  ['x87_fldz', { kind: 'constant', sig: 0n, se: 0 }],
  ['x87_fsqrt', { kind: 'root' }],
  ['x87_fchs', { kind: 'sign', and: 0xffff, xor: 0x8000 }],
  ['x87_fabs', { kind: 'sign', and: 0x7fff, xor: 0 }],
  ['x87_fst_sti', { kind: 'copy', pop: false }],
  ['x87_fstp_sti', { kind: 'copy', pop: true }],
  ['x87_fld_sti', { kind: 'duplicate' }],
  ['x87_fxch', { kind: 'exchange' }],
]);
for (const [name, op] of Object.entries(OPERATIONS)) {
  actions.set(`x87_f${name}`, { kind: 'registers', operation: op, pop: false });
  actions.set(`x87_f${name}p`, { kind: 'registers', operation: op, pop: true });
  actions.set(`x87_f${name}_m32`, { kind: 'memory', operation: op, source: 'm32' });
  actions.set(`x87_f${name}_m64`, { kind: 'memory', operation: op, source: 'm64' });
  actions.set(`x87_fi${name}_m16`, { kind: 'memory', operation: op, source: 'i16' });
  actions.set(`x87_fi${name}_m32`, { kind: 'memory', operation: op, source: 'i32' });
}

/** What to do in place of a routine; undefined = it runs on machine state. */
export function actionOf(routine: string): X87Action | undefined {
  return actions.get(routine);
}

/** How an instruction meets the register stack: not at all, through an action alone, or otherwise. */
export type X87Use = 'none' | 'action' | 'state';

const isUnit = (name: string | undefined): boolean => name !== 'sse';
const isStackState = (address: number): boolean => address >= L.FPU_ST && address < L.FPU_FIP;

function meetsState(node: Node): boolean {
  if (node.register?.file === 'mmx') return true;
  if (node.op === 'need') return isUnit(node.name);
  if (node.op === 'readState' || node.op === 'writeState') return isStackState(node.constant as number);
  return node.op === 'call' && /^(x87|mmx)_/.test(node.name as string);
}

const acts = (node: Node): boolean => (node.op === 'call' ? actionOf(node.name as string) !== undefined : node.op === 'need' && node.name === 'fpu');

/** How a program meets the register stack. */
export function x87UseOf(program: readonly Node[]): X87Use {
  const nested = program.flatMap((node) => [...(node.then ?? []), ...(node.otherwise ?? [])]);
  if (nested.length > 0 && x87UseOf(nested) !== 'none') return 'state';
  const meeting = program.filter(meetsState);
  return meeting.length === 0 ? 'none' : meeting.every(acts) ? 'action' : 'state';
}
