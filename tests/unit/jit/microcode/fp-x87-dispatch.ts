/** Runs the x87 instruction of a vector on the microcode: opcodes D8-DF mapped to routines. */
import type { Decoded } from './fp-decode.ts';
import { SCRATCH, type FpMachine } from './fp-machine.ts';

/** Memory operand of the running vector. */
export interface Operand {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** EFLAGS after an instruction; AX after FNSTSW AX. */
export interface Registers {
  eflags: number;
  ax: number | undefined;
}

const ARITH = ['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr'];
/** DC and DE register forms: SUB and SUBR, DIV and DIVR are the other way round. */
const ARITH_TO_STI = ['fadd', 'fmul', 'fcom', 'fcomp', 'fsubr', 'fsub', 'fdivr', 'fdiv'];
const D9_E0 = ['fchs', 'fabs', '', '', 'ftst', 'fxam', '', '', 'fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz', ''];
const D9_F0 = [
  'f2xm1', 'fyl2x', 'fptan', 'fpatan', 'fxtract', 'fprem1', 'fdecstp', 'fincstp',
  'fprem', 'fyl2xp1', 'fsqrt', 'fsincos', 'frndint', 'fscale', 'fsin', 'fcos',
];

/** Copies 10 bytes of an operand to the scratch buffer. */
function toScratch(m: FpMachine, { bytes, offset }: Operand): void {
  m.bytes.set(bytes.subarray(offset, offset + 10), SCRATCH);
}

/** Raw bits of an operand of `size` bytes. */
function read({ bytes, offset }: Operand, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0);
  return value;
}

/** The three steps of a store. */
function storeOperand(m: FpMachine, routine: string, { bytes, offset }: Operand, size: number, pop: boolean): void {
  const bits = m.call(routine);
  if (m.call('x87_store_suppressed') === 0) {
    if (size === 10) bytes.set(m.bytes.subarray(SCRATCH, SCRATCH + 10), offset);
    else for (let i = 0; i < size; i++) bytes[offset + i] = Number(BigInt.asUintN(8, BigInt(bits ?? 0) >> BigInt(8 * i)));
  }
  m.call('x87_store_commit', pop ? 1 : 0);
}

/** Memory forms. */
function runMemory(m: FpMachine, opcode: number, reg: number, operand: Operand, regs: Registers): void {
  const integerArith = opcode === 0xda || opcode === 0xde;
  if (opcode % 2 === 0) {
    const [suffix, size] = ({ 0xd8: ['m32', 4], 0xda: ['m32', 4], 0xdc: ['m64', 8], 0xde: ['m16', 2] } as const)[opcode as 0xd8] ?? ['m32', 4];
    const name = ARITH[reg]!;
    m.call(`x87_${integerArith ? `fi${name.slice(1)}` : name}_${suffix}`, read(operand, size));
    return;
  }
  const load = (routine: string, size: number): void => void m.call(routine, read(operand, size));
  const store = (routine: string, size: number, pop = true): void => storeOperand(m, routine, operand, size, pop);
  const word = (routine: string): void => {
    const value = Number(m.call(routine));
    operand.bytes[operand.offset] = value & 0xff;
    operand.bytes[operand.offset + 1] = value >> 8;
  };
  const table: Record<number, () => void> = {
    0xd90: () => load('x87_fld_m32', 4), 0xd92: () => store('x87_fst_m32', 4, false), 0xd93: () => store('x87_fst_m32', 4),
    0xd95: () => void m.call('x87_fldcw', Number(read(operand, 2))), 0xd97: () => word('x87_fnstcw'),
    0xdb0: () => load('x87_fild_m32', 4), 0xdb1: () => store('x87_fisttp_m32', 4),
    0xdb2: () => store('x87_fist_m32', 4, false), 0xdb3: () => store('x87_fist_m32', 4),
    0xdb5: () => { toScratch(m, operand); m.call('x87_fld_m80'); }, 0xdb7: () => store('x87_fst_m80', 10),
    0xdd0: () => load('x87_fld_m64', 8), 0xdd1: () => store('x87_fisttp_m64', 8),
    0xdd2: () => store('x87_fst_m64', 8, false), 0xdd3: () => store('x87_fst_m64', 8), 0xdd7: () => word('x87_fnstsw'),
    0xdf0: () => load('x87_fild_m16', 2), 0xdf1: () => store('x87_fisttp_m16', 2),
    0xdf2: () => store('x87_fist_m16', 2, false), 0xdf3: () => store('x87_fist_m16', 2),
    0xdf4: () => { toScratch(m, operand); m.call('x87_fbld'); }, 0xdf5: () => load('x87_fild_m64', 8),
    0xdf6: () => store('x87_fbst', 10), 0xdf7: () => store('x87_fist_m64', 8),
  };
  const run = table[(opcode << 4) | reg];
  if (run === undefined) throw new Error(`no memory form ${opcode.toString(16)} /${reg}`);
  void regs;
  run();
}

/** Puts the answer of FCOMI into EFLAGS. */
function setCompareFlags(regs: Registers, answer: number): void {
  if (answer >= 0) regs.eflags = (regs.eflags & ~0x8d5) | answer;
}

/** Register forms. */
function runRegister(m: FpMachine, opcode: number, reg: number, i: number, regs: Registers): void {
  const name = (): string => ARITH_TO_STI[reg]!;
  const f = regs.eflags;
  const conditions = [f & 1, (f >> 6) & 1, i32((f & 0x41) !== 0), (f >> 2) & 1];
  const call = (routine: string, ...args: number[]): void => void m.call(`x87_${routine}`, ...args);
  const compareFlags = (routine: string): void => setCompareFlags(regs, Number(m.call(`x87_${routine}`, i)));
  switch (opcode) {
    case 0xd8: return reg === 2 || reg === 3 ? call(ARITH[reg]!, i) : call(ARITH[reg]!, 0, i);
    case 0xd9:
      if (reg >= 4) return call((reg >= 6 ? D9_F0 : D9_E0)[((reg & 1) << 3) | i]!);
      return reg === 0 ? call('fld_sti', i) : reg === 1 ? call('fxch', i) : reg === 2 ? call('fnop') : call('fstp_sti', i);
    case 0xda: return reg === 5 ? call('fucompp') : call('fcmov', i, conditions[reg]!);
    case 0xdb:
      if (reg < 4) return call('fcmov', i, 1 - conditions[reg]!);
      return reg === 4 ? call(['fnop', 'fnop', 'fnclex', 'fninit'][i] ?? 'fnop') : compareFlags(reg === 5 ? 'fucomi' : 'fcomi');
    case 0xdc: return reg === 2 || reg === 3 ? call(name(), i) : call(name(), i, 0);
    case 0xdd: return call(['ffree', 'fxch', 'fst_sti', 'fstp_sti', 'fucom', 'fucomp'][reg]!, i);
    case 0xde: return reg === 3 ? call('fcompp') : reg === 2 ? call('fcomp', i) : call(`${name()}p`, i);
    default:
      if (reg === 4) regs.ax = Number(m.call('x87_fnstsw'));
      else if (reg >= 5) compareFlags(reg === 5 ? 'fucomip' : 'fcomip');
      else call(['ffreep', 'fxch', 'fstp_sti', 'fstp_sti'][reg]!, i);
  }
}

/** A truth value as a number. */
function i32(value: boolean): number {
  return value ? 1 : 0;
}

/** Runs one x87 instruction; memory stores go to `operand.bytes`. */
export function runX87(m: FpMachine, d: Decoded, operand: Operand, regs: Registers): void {
  if (d.opcode === 0x9b) return;
  const reg = d.reg & 7;
  if (d.offset >= 0 || d.mod !== 3) runMemory(m, d.opcode, reg, operand, regs);
  else runRegister(m, d.opcode, reg, d.rm & 7, regs);
}
