import type { Machine, Value } from '../../ir/machine.ts';
import { CPL, CR0, CR4, SEG, SEG_LDTR, SEG_SELECTOR, SEG_SIZE, SEG_TR } from '../../state/vcpu-layout.ts';
import { needProtected } from '../dsl/mode-check.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

type Sem = (m: Machine) => void;

/** Segment registers in encoding order. */
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const CS = 1;

const GP = 13;
const CR4_UMIP = 0x800;

const selector = (m: Machine, i: number): Value => m.zeroExtend(m.read(i, 16), 32);

/** MOV r/m, Sreg: a register gets the selector zero-extended to the operand size, memory always 16 bits. */
const storeSelector = (state: number) => (m: Machine): void => {
  const value = m.truncate(m.state(state), 16);
  m.write(0, m.zeroExtend(value, m.operand(0).width));
};

/** #GP(0) when CR4.UMIP hides the system tables from programs. */
const refuseUmip = (m: Machine): void => {
  const hidden = m.bit(m.truncate(m.state(CR4, 64), 32), Math.log2(CR4_UMIP));
  m.faultIf(m.and(hidden, m.ne(m.state(CPL), m.i32(0))), GP, 0);
};

/** SLDT and STR. */
const storeSystem = (state: number): Sem => (m) => {
  needProtected(m);
  refuseUmip(m);
  storeSelector(state)(m);
};

const smsw = (m: Machine): void => {
  refuseUmip(m);
  m.write(0, m.truncate(m.state(CR0, 64), m.operand(0).width));
};

/** ARPL: raises the RPL of operand 0 to that of operand 1; ZF tells whether it did. */
const arpl = (m: Machine): void => {
  needProtected(m);
  const destination = m.readModify(0);
  const rpl = m.and(m.read(1), m.constant(16, 3));
  const lower = m.ltU(m.and(destination, m.constant(16, 3)), rpl);
  m.write(0, m.select(lower, m.or(m.and(destination, m.constant(16, 0xfffc)), rpl), destination));
  m.assignFlags({ zf: lower });
};

/** LAR and LSL. */
const inspect = (name: string): Sem => (m) => m.system(name, m.registerNumber(0), m.i32(m.size / 8), selector(m, 1));

const onSelector = (name: string): Sem => (m) => m.system(name, selector(m, 0));

const pushPop = (name: string, segment: number): Sem => (m) => m.system(name, m.i32(segment), m.i32(m.size / 8));

const stackRows = (mnemonic: string, routine: string, opcode: string, segment: number): Row[] => {
  const name = SEGMENTS[segment] as string;
  const old = segment < 4;
  return ([16, 32, 64] as const).filter((size) => !(old && size === 64)).map((size) =>
    row(mnemonic, opcode, name, pushPop(routine, segment), {
      operandSize: size, size, suffix: String(size), ...(old ? { modes: 'no64' } : { long: '64' }),
    }));
};

const farPointer = (mnemonic: string, opcode: string, segment: number): Row[] =>
  rowsV(mnemonic, opcode, 'rv,m', (m) =>
    m.system('loadFarPointer', m.i32(segment), m.registerNumber(0), m.i32(m.size / 8), m.segmentNumber(), m.effectiveAddress(1)),
  segment === 0 || segment === 3 ? { modes: 'no64' } : {});

/** A selector stored to a 16, 32 or 64-bit register, or to 16 bits of memory. */
const storeRows = (mnemonic: string, opcode: string, extra: string, sem: Sem, suffix: string): Row[] => [
  ...([16, 32, 64] as const).map((size) => row(mnemonic, `${opcode} reg`, `rm${size}${extra}`, sem, { size, operandSize: size, suffix })),
  row(mnemonic, opcode, `m16${extra}`, sem, { size: 16, operandSize: 'any', suffix }),
];

/** Segment registers, far pointers, and selectors in general. */
export const segments: readonly Row[] = [
  ...SEGMENTS.flatMap((name, i) => storeRows('MOV', `8C /${i}`, ',sreg', storeSelector(SEG + i * SEG_SIZE + SEG_SELECTOR), name)),
  ...SEGMENTS.flatMap((name, i) => (i === CS ? [] : [
    row('MOV', `8E /${i}`, 'sreg,rm16', (m) => m.system('movToSegment', m.i32(i), selector(m, 1)), { operandSize: 'any', size: 16, suffix: name }),
  ])),
  ...stackRows('PUSH', 'pushSegment', '06', 0),
  ...stackRows('PUSH', 'pushSegment', '0E', 1),
  ...stackRows('PUSH', 'pushSegment', '16', 2),
  ...stackRows('PUSH', 'pushSegment', '1E', 3),
  ...stackRows('PUSH', 'pushSegment', '0F A0', 4),
  ...stackRows('PUSH', 'pushSegment', '0F A8', 5),
  ...stackRows('POP', 'popSegment', '07', 0),
  ...stackRows('POP', 'popSegment', '17', 2),
  ...stackRows('POP', 'popSegment', '1F', 3),
  ...stackRows('POP', 'popSegment', '0F A1', 4),
  ...stackRows('POP', 'popSegment', '0F A9', 5),
  ...farPointer('LES', 'C4 /r', 0),
  ...farPointer('LDS', 'C5 /r', 3),
  ...farPointer('LSS', '0F B2 /r', 2),
  ...farPointer('LFS', '0F B4 /r', 4),
  ...farPointer('LGS', '0F B5 /r', 5),
  ...storeRows('SLDT', '0F 00 /0', '', storeSystem(SEG_LDTR + SEG_SELECTOR), ''),
  ...storeRows('STR', '0F 00 /1', '', storeSystem(SEG_TR + SEG_SELECTOR), ''),
  ...storeRows('SMSW', '0F 01 /4', '', smsw, ''),
  row('LLDT', '0F 00 /2', 'rm16', onSelector('lldt'), { operandSize: 'any' }),
  row('LTR', '0F 00 /3', 'rm16', onSelector('ltr'), { operandSize: 'any' }),
  row('VERR', '0F 00 /4', 'rm16', onSelector('verr'), { operandSize: 'any' }),
  row('VERW', '0F 00 /5', 'rm16', onSelector('verw'), { operandSize: 'any' }),
  row('LMSW', '0F 01 /6', 'rm16', onSelector('lmsw'), { operandSize: 'any' }),
  ...rowsV('LAR', '0F 02 /r', 'rv,rm16', inspect('lar')),
  ...rowsV('LSL', '0F 03 /r', 'rv,rm16', inspect('lsl')),
  row('ARPL', '63 /r', 'rm16,r16', arpl, { modes: 'no64', operandSize: 'any' }),
];
