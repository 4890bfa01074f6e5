import type { Machine, Value } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import { MXCSR } from '../../state/vcpu-layout.ts';
import { bothWidths, int, low64, lowHalf, row, vec, xmmSource, zeroVector } from './sse-operand.ts';

/** Moves of 16 bytes without alignment check. */
const moveUnaligned = (m: Machine): void => {
  m.need('sse');
  m.write(0, m.read(1, 128));
};

/** Moves of 16 bytes whose memory operand, source or destination, must be aligned. */
const moveAligned = (m: Machine): void => {
  m.need('sse');
  const v = xmmSource(m, 1);
  if (m.isMemory(0)) m.requireAligned(m.address(0));
  m.write(0, v);
};

/** MOVSS and MOVSD into a register: memory zeroes the rest, a register keeps it. */
const loadScalar = (width: 32 | 64) => (m: Machine): void => {
  m.need('sse');
  const shape = width === 32 ? 'i32x4' : 'i64x2';
  if (m.isMemory(1)) m.write(0, m.replaceLane(shape, zeroVector(m), 0, m.read(1, width)));
  else m.write(0, mergeLow(m, width, m.read(0), m.read(1, 128)));
};

/** The low 32 or 64 bits of `b` over `a`. */
const mergeLow = (m: Machine, width: 32 | 64, a: Value, b: Value): Value =>
  m.shuffle(a, b, Array.from({ length: 16 }, (_, i) => (i < width / 8 ? 16 + i : i)));

/** MOVSS and MOVSD out of a register. */
const storeScalar = (width: 32 | 64) => (m: Machine): void => {
  m.need('sse');
  if (m.isMemory(0)) m.write(0, m.read(1, width));
  else m.write(0, mergeLow(m, width, m.read(0, 128), m.read(1)));
};

/** One half of a register from or to memory. */
const loadHalf = (lane: 0 | 1) => (m: Machine): void => {
  m.need('sse');
  const x = m.read(1);
  m.write(0, m.replaceLane('i64x2', m.read(0), lane, x));
};
const storeHalf = (lane: 0 | 1) => (m: Machine): void => {
  m.need('sse');
  m.write(0, m.extractLane('i64x2', m.read(1), lane));
};

const movhlps = (m: Machine): void => {
  m.need('sse');
  m.write(0, m.shuffle(m.read(1), m.read(0), [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31]));
};
const movlhps = (m: Machine): void => {
  m.need('sse');
  m.write(0, m.shuffle(m.read(0), m.read(1), [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]));
};

/** MOVSLDUP and MOVSHDUP: even or odd dwords twice. */
const duplicate = (lanes: readonly number[]) => (m: Machine): void => {
  m.need('sse');
  const v = xmmSource(m, 1);
  m.write(0, m.shuffle(v, v, lanes));
};
const movddup = (m: Machine): void => {
  m.need('sse');
  m.write(0, vec(m, 'i64x2.splat', m.isMemory(1) ? m.read(1) : low64(m, m.read(1, 128))));
};

/** MOVD and MOVQ from a general register or memory. */
const fromGeneral = (shape: 'i32x4' | 'i64x2') => (m: Machine): void => {
  m.need('sse');
  m.write(0, m.replaceLane(shape, zeroVector(m), 0, m.read(1)));
};
const toGeneral = (shape: 'i32x4' | 'i64x2') => (m: Machine): void => {
  m.need('sse');
  m.write(0, m.extractLane(shape, m.read(1), 0));
};

/** MOVQ between XMM registers and memory: a register destination is zero above. */
const moveQuad = (m: Machine): void => {
  m.need('sse');
  const x = m.isMemory(1) ? m.read(1) : low64(m, m.read(1, 128));
  m.write(0, m.isMemory(0) ? x : lowHalf(m, x));
};

const mask = (op: string) => (m: Machine): void => {
  m.need('sse');
  m.write(0, m.zeroExtend(int(m, op, m.read(1)), m.operand(0).width));
};

/** MASKMOVDQU: bytes of operand 0 to (R/E)DI where operand 1 has bit 7. */
const maskedStore = (m: Machine): void => {
  m.need('sse');
  storeBytes(m, m.read(0), m.read(1), 16);
};

/** Stores the bytes of `v` whose mask byte has bit 7 to DS:(R/E)DI (or the segment override), one by one. */
export function storeBytes(m: Machine, v: Value, maskBytes: Value, count: 8 | 16): void {
  const bits = int(m, 'i8x16.bitmask', maskBytes);
  const wanted = count === 8 ? m.and(bits, m.i32(0xff)) : bits;
  m.when(wanted, () => {
    const base = m.linearDynamic(m.zeroExtend(m.gpr(7, m.facts.addressWidth), 64), count);
    for (let i = 0; i < count; i++) {
      m.when(m.and(wanted, m.i32(1 << i)), () => {
        m.store(m.add(base, m.constant(64, i)), m.extractLane('i8x16', v, i));
      });
    }
  });
}

/** LDMXCSR: bits above 15 are reserved. */
const ldmxcsr = (m: Machine): void => {
  m.need('sse');
  const v = m.read(0);
  m.faultIf(m.and(v, m.i32(~0xffff)), 13, 0);
  m.call('sse_set_mxcsr', 'none', 0, v);
};
const stmxcsr = (m: Machine): void => {
  m.need('sse');
  m.write(0, m.state(MXCSR));
};

/** CLFLUSH: checked like a one-byte load, without other effect on a coherent machine. */
const clflush = (m: Machine): void => void m.read(0);

const nothing = (): void => {};

/** MOVUPS/MOVAPS and the like: load at `opcode`, store at the next one. */
const movePair = (mnemonic: string, prefix: string, load: string, store: string, sem: (m: Machine) => void, feature: string): Row[] => [
  row(mnemonic, `${prefix} 0F ${load} /r`, 'x,xm128', sem, { feature }),
  row(mnemonic, `${prefix} 0F ${store} /r`, 'xm128,x', sem, { feature }),
];
const halves = (mnemonic: string, prefix: string, load: string, store: string, lane: 0 | 1, feature: string): Row[] => [
  row(mnemonic, `${prefix} 0F ${load} /r`, 'x,m64', loadHalf(lane), { feature }),
  row(mnemonic, `${prefix} 0F ${store} /r`, 'm64,x', storeHalf(lane), { feature }),
];
const fences = (mnemonic: string, group: number, feature: string, sem: (m: Machine) => void = nothing): Row => row(mnemonic, `NP 0F AE /${group} reg`, '', sem, { feature });

/** Moves between XMM registers, memory and general registers; MXCSR, fences, prefetches. */
export const sseMove: readonly Row[] = [
  ...movePair('MOVUPS', 'NP', '10', '11', moveUnaligned, 'sse'),
  ...movePair('MOVUPD', '66', '10', '11', moveUnaligned, 'sse2'),
  row('MOVSS', 'F3 0F 10 /r', 'x,xm32', loadScalar(32), { feature: 'sse' }),
  row('MOVSS', 'F3 0F 11 /r', 'xm32,x', storeScalar(32), { feature: 'sse' }),
  row('MOVSD', 'F2 0F 10 /r', 'x,xm64', loadScalar(64), { feature: 'sse2' }),
  row('MOVSD', 'F2 0F 11 /r', 'xm64,x', storeScalar(64), { feature: 'sse2' }),
  row('MOVHLPS', 'NP 0F 12 /r', 'x,xr', movhlps, { feature: 'sse' }),
  ...halves('MOVLPS', 'NP', '12', '13', 0, 'sse'),
  ...halves('MOVLPD', '66', '12', '13', 0, 'sse2'),
  row('MOVSLDUP', 'F3 0F 12 /r', 'x,xm128', duplicate([0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11]), { feature: 'sse3' }),
  row('MOVDDUP', 'F2 0F 12 /r', 'x,xm64', movddup, { feature: 'sse3' }),
  row('MOVLHPS', 'NP 0F 16 /r', 'x,xr', movlhps, { feature: 'sse' }),
  ...halves('MOVHPS', 'NP', '16', '17', 1, 'sse'),
  ...halves('MOVHPD', '66', '16', '17', 1, 'sse2'),
  row('MOVSHDUP', 'F3 0F 16 /r', 'x,xm128', duplicate([4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]), { feature: 'sse3' }),
  row('PREFETCHNTA', '0F 18 /0', 'm8', nothing, { feature: 'sse', operandSize: 'any' }),
  row('PREFETCHT0', '0F 18 /1', 'm8', nothing, { feature: 'sse', operandSize: 'any' }),
  row('PREFETCHT1', '0F 18 /2', 'm8', nothing, { feature: 'sse', operandSize: 'any' }),
  row('PREFETCHT2', '0F 18 /3', 'm8', nothing, { feature: 'sse', operandSize: 'any' }),
  ...movePair('MOVAPS', 'NP', '28', '29', moveAligned, 'sse'),
  ...movePair('MOVAPD', '66', '28', '29', moveAligned, 'sse2'),
  row('MOVNTPS', 'NP 0F 2B /r', 'm128,x', moveAligned, { feature: 'sse' }),
  row('MOVNTPD', '66 0F 2B /r', 'm128,x', moveAligned, { feature: 'sse2' }),
  ...bothWidths('MOVMSKPS', 'NP', '0F 50 /r', 'r*,xr', mask('i32x4.bitmask'), { feature: 'sse' }),
  ...bothWidths('MOVMSKPD', '66', '0F 50 /r', 'r*,xr', mask('i64x2.bitmask'), { feature: 'sse2' }),
  row('MOVD', '66 0F 6E /r', 'x,rm32', fromGeneral('i32x4'), { feature: 'sse2' }),
  row('MOVQ', '66 W1 0F 6E /r', 'x,rm64', fromGeneral('i64x2'), { feature: 'sse2' }),
  ...movePair('MOVDQA', '66', '6F', '7F', moveAligned, 'sse2'),
  ...movePair('MOVDQU', 'F3', '6F', '7F', moveUnaligned, 'sse2'),
  row('MOVD', '66 0F 7E /r', 'rm32,x', toGeneral('i32x4'), { feature: 'sse2' }),
  row('MOVQ', '66 W1 0F 7E /r', 'rm64,x', toGeneral('i64x2'), { feature: 'sse2' }),
  row('MOVQ', 'F3 0F 7E /r', 'x,xm64', moveQuad, { feature: 'sse2' }),
  row('MOVQ', '66 0F D6 /r', 'xm64,x', moveQuad, { feature: 'sse2' }),
  row('LDMXCSR', 'NP 0F AE /2', 'm32', ldmxcsr, { feature: 'sse', operandSize: 'any' }),
  row('STMXCSR', 'NP 0F AE /3', 'm32', stmxcsr, { feature: 'sse', operandSize: 'any' }),
  fences('LFENCE', 5, 'sse2'),
  // loads keep their order, and so do stores, on the hosts whose order guests rely on: only a load may pass a store
  fences('MFENCE', 6, 'sse2', (m) => m.fence()),
  fences('SFENCE', 7, 'sse'),
  row('CLFLUSH', 'NP 0F AE /7', 'm8', clflush, { feature: 'sse2', operandSize: 'any' }),
  row('MOVNTI', 'NP 0F C3 /r', 'm32,r32', (m) => m.write(0, m.read(1)), { feature: 'sse2', operandSize: 'any' }),
  row('MOVNTI', 'NP W1 0F C3 /r', 'm64,r64', (m) => m.write(0, m.read(1)), { feature: 'sse2' }),
  ...bothWidths('PMOVMSKB', '66', '0F D7 /r', 'r*,xr', mask('i8x16.bitmask'), { feature: 'sse2' }),
  row('MOVNTDQ', '66 0F E7 /r', 'm128,x', moveAligned, { feature: 'sse2' }),
  row('LDDQU', 'F2 0F F0 /r', 'x,m128', moveUnaligned, { feature: 'sse3' }),
  row('MASKMOVDQU', '66 0F F7 /r', 'x,xr', maskedStore, { feature: 'sse2' }),
  row('MOVNTDQA', '66 0F 38 2A /r', 'x,m128', moveAligned, { feature: 'sse41' }),
];
