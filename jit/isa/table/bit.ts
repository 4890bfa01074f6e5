import type { Machine, Value } from '../../ir/machine.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

type BitOperation = 'BT' | 'BTS' | 'BTR' | 'BTC';

/** BT family: with a register offset a memory operand is a bit string that reaches beyond the operand. */
const bitTest = (op: BitOperation) => (m: Machine): void => {
  const size = m.size;
  const mask = m.constant(size, size - 1);
  const fromRegister = m.operand(1).kind === 'register';
  const offset = m.read(1, size);
  const modify = op !== 'BT';
  const changed = (a: Value, bit: Value): Value =>
    op === 'BTS' ? m.or(a, bit) : op === 'BTR' ? m.and(a, m.not(bit)) : m.xor(a, bit);
  const n = m.and(offset, mask);
  const bitMask = m.truncate(m.shl(m.zeroExtend(m.constant(size, 1), size), n), size);
  const test = (a: Value): Value => m.truncate(m.and(m.zeroExtend(m.shr(a, n), 64), m.constant(64, 1)), 32);
  if (m.isMemory(0) && fromRegister) {
    const step = m.sar(offset, m.i32(size === 64 ? 6 : size === 32 ? 5 : 4));
    const delta = m.shl(m.signExtend(step, 64), m.i32(size === 64 ? 3 : size === 32 ? 2 : 1));
    const address = m.addressPlus(0, delta);
    const a = modify ? m.loadModify(address, size) : m.load(address, size);
    if (modify) m.storeModified(a, changed(a, bitMask));
    m.assignFlags({ cf: test(a) });
    return;
  }
  const a = modify ? m.readModify(0) : m.read(0);
  if (modify) m.write(0, changed(a, bitMask));
  m.assignFlags({ cf: test(a) });
};

/** BSF and BSR: the destination keeps its value when the source is 0. */
const bitScan = (reverse: boolean) => (m: Machine): void => {
  const a = m.read(0 + 1);
  const size = m.size;
  const zero = m.isZero(a);
  m.when(zero, () => m.write(0, m.read(0)), () => {
    const wide = size < 32 ? m.relabel(a, 32) : a;
    const r = reverse ? m.sub(m.constant(wide.width as 32, wide.width === 64 ? 63 : 31), m.clz(wide)) : m.ctz(wide);
    m.write(0, m.truncate(r, size));
  });
  m.assignFlags({ zf: zero });
};

/** LZCNT and TZCNT: the operand size for 0; CF = source was 0, ZF = result is 0. */
const countZeros = (leading: boolean) => (m: Machine): void => {
  const a = m.read(1);
  const size = m.size;
  let r: Value;
  if (size === 16) {
    const wide = m.relabel(a, 32);
    r = m.truncate(leading ? m.sub(m.clz(wide), m.i32(16)) : m.ctz(m.or(wide, m.i32(0x10000))), 16);
  } else r = leading ? m.clz(a) : m.ctz(a);
  m.write(0, r);
  m.assignFlags({ cf: m.isZero(a), zf: m.isZero(r) });
};

const popcnt = (m: Machine): void => {
  const a = m.read(1);
  const r = m.popcnt(a);
  m.write(0, r);
  const zero = m.i32(0);
  m.assignFlags({ cf: zero, pf: zero, af: zero, zf: m.isZero(a), sf: zero, of: zero });
};

const bswapValue = (m: Machine, a: Value): Value => {
  if (a.width === 16) return m.or(m.shl(a, m.i32(8)), m.shr(a, m.i32(8)));
  const w = a.width as 32 | 64;
  const swapBytes = (x: Value): Value => {
    const mask = m.constant(w, w === 64 ? 0x00ff00ff00ff00ffn : 0x00ff00ff);
    return m.or(m.shl(m.and(x, mask), m.i32(8)), m.and(m.shr(x, m.i32(8)), mask));
  };
  const b = swapBytes(a);
  if (w === 32) return m.rotl(b, m.i32(16));
  const mask = m.constant(64, 0x0000ffff0000ffffn);
  const h = m.or(m.shl(m.and(b, mask), m.i32(16)), m.and(m.shr(b, m.i32(16)), mask));
  return m.rotl(h, m.i32(32));
};
/** BSWAP; of a 16-bit register the result is undefined: hardware gives 0. */
const bswap = (m: Machine): void => m.write(0, m.size === 16 ? m.constant(16, 0) : bswapValue(m, m.read(0)));
const movbe = (m: Machine): void => m.write(0, bswapValue(m, m.read(1)));

const setcc = (code: number) => (m: Machine): void => m.write(0, m.relabel(m.condition(code), 8));

const logicFlags = (m: Machine, r: Value, cf: Value): void => m.setResultFlags(r, { cf, of: m.i32(0) });
const andn = (m: Machine): void => {
  const r = m.and(m.not(m.read(1)), m.read(2));
  m.write(0, r);
  logicFlags(m, r, m.i32(0));
};
const blsi = (m: Machine): void => {
  const a = m.read(1);
  const r = m.and(a, m.neg(a));
  m.write(0, r);
  logicFlags(m, r, m.ne(a, m.constant(m.size, 0)));
};
const blsmsk = (m: Machine): void => {
  const a = m.read(1);
  const r = m.xor(a, m.sub(a, m.constant(m.size, 1)));
  m.write(0, r);
  logicFlags(m, r, m.isZero(a));
};
const blsr = (m: Machine): void => {
  const a = m.read(1);
  const r = m.and(a, m.sub(a, m.constant(m.size, 1)));
  m.write(0, r);
  logicFlags(m, r, m.isZero(a));
};
/** Mask of the low `n` bits; n (i32, below 256) at or above the size gives all ones. */
const lowMask = (m: Machine, n: Value): Value => {
  const size = m.size;
  const small = m.sub(m.shl(m.constant(size, 1), m.and(n, m.i32(size - 1))), m.constant(size, 1));
  return m.select(m.ltU(n, m.i32(size)), small, m.constant(size, -1));
};
const bzhi = (m: Machine): void => {
  const a = m.read(1);
  const n = m.zeroExtend(m.truncate(m.read(2), 8), 32);
  const r = m.and(a, lowMask(m, n));
  m.write(0, r);
  logicFlags(m, r, m.geU(n, m.i32(m.size)));
};
const bextr = (m: Machine): void => {
  const size = m.size;
  const a = m.read(1);
  const control = m.truncate(m.read(2), 32);
  const start = m.and(control, m.i32(255));
  const length = m.and(m.shr(control, m.i32(8)), m.i32(255));
  const moved = m.select(m.ltU(start, m.i32(size)), m.shr(a, m.and(start, m.i32(size - 1))), m.constant(size, 0));
  const r = m.and(moved, lowMask(m, length));
  m.write(0, r);
  const zero = m.i32(0);
  m.assignFlags({ cf: zero, of: zero, zf: m.isZero(r), sf: zero, af: zero, pf: zero });
};
const depositExtract = (name: 'pdep' | 'pext') => (m: Machine): void => {
  const r = m.call(name, 'i64', 64, m.zeroExtend(m.read(1), 64), m.zeroExtend(m.read(2), 64));
  m.write(0, m.truncate(r, m.size));
};
/** CRC32-C of operand 1 into operand 0; the destination is 32 or 64 bits wide. */
const crc32 = (bits: 8 | 16 | 32 | 64) => (m: Machine): void => {
  const r = m.call('crc32c', 'i32', 32, m.read(0, 32), m.zeroExtend(m.read(1, bits), 64), m.i32(bits));
  m.write(0, m.zeroExtend(r, m.operand(0).width));
};

const CONDITIONS = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'] as const;
const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

const vexPair = (name: string, opcode: string, operands: string, sem: (m: Machine) => void, feature: string): Row[] => [
  row(name, `VEX.LZ.${opcode.replace('W.', 'W0')}`, operands.replace(/\*/g, '32'), sem, { feature }),
  row(name, `VEX.LZ.${opcode.replace('W.', 'W1')}`, operands.replace(/\*/g, '64'), sem, { feature, modes: 'only64' }),
];

/** Bit test, scan, count and field instructions. */
export const bits: readonly Row[] = [
  ...(['BT', 'BTS', 'BTR', 'BTC'] as const).flatMap((name, i) => [
    ...rowsV(name, `0F ${hex(0xa3 + 8 * i)} /r`, 'rmv,rv', bitTest(name), { lock: name !== 'BT' }),
    ...rowsV(name, `0F BA /${4 + i}`, 'rmv,imm8', bitTest(name), { lock: name !== 'BT' }),
  ]),
  ...rowsV('BSF', '0F BC /r', 'rv,rmv', bitScan(false)),
  ...rowsV('BSR', '0F BD /r', 'rv,rmv', bitScan(true)),
  ...rowsV('TZCNT', 'F3 0F BC /r', 'rv,rmv', countZeros(false), { feature: 'bmi1' }),
  ...rowsV('LZCNT', 'F3 0F BD /r', 'rv,rmv', countZeros(true), { feature: 'lzcnt' }),
  ...rowsV('POPCNT', 'F3 0F B8 /r', 'rv,rmv', popcnt, { feature: 'popcnt' }),
  ...rowsV('BSWAP', '0F C8+r', 'ov', bswap),
  ...rowsV('MOVBE', 'NFx 0F 38 F0 /r', 'rv,mv', movbe, { feature: 'movbe' }),
  ...rowsV('MOVBE', 'NFx 0F 38 F1 /r', 'mv,rv', movbe, { feature: 'movbe' }),
  ...CONDITIONS.map((c, code) => row(`SET${c}`, `0F ${hex(0x90 + code)} /r`, 'rm8', setcc(code), { size: 8 })),
  ...vexPair('ANDN', 'NP.0F38.W. F2 /r', 'r*,v*,rm*', andn, 'bmi1'),
  ...vexPair('BEXTR', 'NP.0F38.W. F7 /r', 'r*,rm*,v*', bextr, 'bmi1'),
  ...vexPair('BLSR', 'NP.0F38.W. F3 /1', 'v*,rm*', blsr, 'bmi1'),
  ...vexPair('BLSMSK', 'NP.0F38.W. F3 /2', 'v*,rm*', blsmsk, 'bmi1'),
  ...vexPair('BLSI', 'NP.0F38.W. F3 /3', 'v*,rm*', blsi, 'bmi1'),
  ...vexPair('BZHI', 'NP.0F38.W. F5 /r', 'r*,rm*,v*', bzhi, 'bmi2'),
  ...vexPair('PDEP', 'F2.0F38.W. F5 /r', 'r*,v*,rm*', depositExtract('pdep'), 'bmi2'),
  ...vexPair('PEXT', 'F3.0F38.W. F5 /r', 'r*,v*,rm*', depositExtract('pext'), 'bmi2'),
  row('CRC32', 'F2 0F 38 F0 /r', 'r32,rm8', crc32(8), { feature: 'sse42', operandSize: 'any', size: 32 }),
  row('CRC32', 'F2 0F 38 F0 /r', 'r64,rm8', crc32(8), { feature: 'sse42', operandSize: 64, size: 64 }),
  row('CRC32', 'F2 0F 38 F1 /r', 'r32,rm16', crc32(16), { feature: 'sse42', operandSize: 16, size: 32 }),
  row('CRC32', 'F2 0F 38 F1 /r', 'r32,rm32', crc32(32), { feature: 'sse42', operandSize: 32, size: 32 }),
  row('CRC32', 'F2 0F 38 F1 /r', 'r64,rm64', crc32(64), { feature: 'sse42', operandSize: 64, size: 64 }),
];
