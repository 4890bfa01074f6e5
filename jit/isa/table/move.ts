import type { Machine } from '../../ir/machine.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

const mov = (m: Machine): void => m.write(0, m.read(1, m.size));
const movzx = (m: Machine): void => m.write(0, m.zeroExtend(m.read(1), m.operand(0).width));
const movsx = (m: Machine): void => m.write(0, m.signExtend(m.read(1), m.operand(0).width));
const lea = (m: Machine): void => m.write(0, m.truncate(m.effectiveAddress(1), m.size));

/** XCHG with memory is atomic without LOCK. */
const xchg = (m: Machine): void => {
  const a = m.readModify(0, m.operand(0).width, true);
  const b = m.read(1);
  if (m.isMemory(0)) {
    m.write(0, b);
    m.write(1, a);
  } else {
    m.write(1, a);
    m.write(0, b);
  }
};

/** CMOVcc: the source is read in any case, a 32-bit destination zero-extended in any case. */
const cmov = (code: number) => (m: Machine): void => {
  const source = m.read(1);
  m.write(0, m.select(m.condition(code), source, m.read(0)));
};

/** XLAT: AL = [(E/R)BX + AL] in DS or the override. */
const xlat = (m: Machine): void => {
  const width = m.facts.addressWidth;
  const offset = m.add(m.gpr(3, width), m.zeroExtend(m.gpr(0, 8), width));
  const address = m.linearDynamic(m.zeroExtend(offset, 64), 1);
  m.setGpr(0, m.load(address, 8));
};

const CONDITIONS = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'] as const;
const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

/** Data movement between registers and memory. */
export const moves: readonly Row[] = [
  row('MOV', '88 /r', 'rm8,r8', mov, { size: 8 }),
  ...rowsV('MOV', '89 /r', 'rmv,rv', mov),
  row('MOV', '8A /r', 'r8,rm8', mov, { size: 8 }),
  ...rowsV('MOV', '8B /r', 'rv,rmv', mov),
  row('MOV', 'A0', 'al,moffs8', mov, { size: 8 }),
  ...rowsV('MOV', 'A1', 'axv,moffsv', mov),
  row('MOV', 'A2', 'moffs8,al', mov, { size: 8 }),
  ...rowsV('MOV', 'A3', 'moffsv,axv', mov),
  row('MOV', 'B0+r', 'o8,imm8', mov, { size: 8 }),
  row('MOV', 'B8+r', 'o16,imm16', mov),
  row('MOV', 'B8+r', 'o32,imm32', mov),
  row('MOV', 'B8+r', 'o64,imm64', mov),
  row('MOV', 'C6 /0', 'rm8,imm8', mov, { size: 8 }),
  ...rowsV('MOV', 'C7 /0', 'rmv,immz', mov),
  ...rowsV('MOVZX', '0F B6 /r', 'rv,rm8', movzx),
  ...rowsV('MOVZX', '0F B7 /r', 'rv,rm16', movzx),
  ...rowsV('MOVSX', '0F BE /r', 'rv,rm8', movsx),
  ...rowsV('MOVSX', '0F BF /r', 'rv,rm16', movsx),
  row('MOVSXD', '63 /r', 'r16,rm16', mov, { modes: 'only64', operandSize: 16 }),
  row('MOVSXD', '63 /r', 'r32,rm32', mov, { modes: 'only64', operandSize: 32 }),
  row('MOVSXD', '63 /r', 'r64,rm32', movsx, { modes: 'only64', operandSize: 64, size: 64 }),
  row('LEA', '8D /r', 'r16,m', lea),
  row('LEA', '8D /r', 'r32,m', lea),
  row('LEA', '8D /r', 'r64,m', lea),
  row('XCHG', '86 /r', 'rm8,r8', xchg, { size: 8, lock: true }),
  ...rowsV('XCHG', '87 /r', 'rmv,rv', xchg, { lock: true }),
  ...rowsV('XCHG', '90+r', 'ov,axv', xchg),
  ...CONDITIONS.flatMap((c, code) => rowsV(`CMOV${c}`, `0F ${hex(0x40 + code)} /r`, 'rv,rmv', cmov(code), { feature: 'cmov' })),
  row('CBW', '98', '', (m) => m.setGpr(0, m.signExtend(m.gpr(0, 8), 16)), { operandSize: 16, size: 16 }),
  row('CWDE', '98', '', (m) => m.setGpr(0, m.signExtend(m.gpr(0, 16), 32)), { operandSize: 32, size: 32 }),
  row('CDQE', '98', '', (m) => m.setGpr(0, m.signExtend(m.gpr(0, 32), 64)), { operandSize: 64, size: 64 }),
  row('CWD', '99', '', (m) => m.setGpr(2, m.sar(m.gpr(0, 16), m.i32(15))), { operandSize: 16, size: 16 }),
  row('CDQ', '99', '', (m) => m.setGpr(2, m.sar(m.gpr(0, 32), m.i32(31))), { operandSize: 32, size: 32 }),
  row('CQO', '99', '', (m) => m.setGpr(2, m.sar(m.gpr(0, 64), m.i32(63))), { operandSize: 64, size: 64 }),
  row('XLATB', 'D7', '', xlat, { size: 8 }),
  row('NOP', 'NP 90', '', () => {}),
  row('NOP', '66 90', '', () => {}, { suffix: '66' }),
  row('NOP', 'F2 90', '', () => {}, { suffix: 'F2' }),
  row('PAUSE', 'F3 90', '', () => {}),
  ...rowsV('NOP', '0F 1F /r', 'rmv', () => {}),
  ...[0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e].flatMap((b) => rowsV('NOP', `0F ${hex(b)} /r`, 'rmv', () => {}, { suffix: hex(b) })),
  ...rowsV('PREFETCHW', '0F 0D /r', 'mv', () => {}),
  ...rowsV('NOP', '0F 0D /r reg', 'rmv', () => {}, { suffix: '0D' }),
];
