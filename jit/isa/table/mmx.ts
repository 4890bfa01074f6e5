import type { Machine } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import { storeBytes } from './sse-move.ts';
import { bothWidths, enterMmx, int, low64, lowHalf, mmxRegister, mmxSource, row, vec, writeMmx } from './sse-operand.ts';

/** MOVD and MOVQ into an MMX register. */
const load = (m: Machine): void => {
  m.need('mmx');
  writeMmx(m, 0, vec(m, 'i64x2.splat', m.zeroExtend(m.read(1), 64)));
};

/** MOVD, MOVQ and MOVNTQ out of an MMX register. */
const store = (width: 32 | 64) => (m: Machine): void => {
  m.need('mmx');
  const x = m.read(1, width);
  if (m.isMemory(0)) {
    m.write(0, x);
    enterMmx(m);
  } else {
    enterMmx(m);
    m.write(0, x);
  }
};

/** MOVQ between MMX registers or into one. */
const move = (m: Machine): void => {
  m.need('mmx');
  writeMmx(m, 0, mmxSource(m, 1));
};

/** MOVQ to memory or register. */
const moveOut = (m: Machine): void => (m.isMemory(0) ? store(64)(m) : move(m));

const maskedStore = (m: Machine): void => {
  m.need('mmx');
  storeBytes(m, mmxRegister(m, 0), mmxRegister(m, 1), 8);
  enterMmx(m);
};

const byteMask = (m: Machine): void => {
  m.need('mmx');
  const bits = m.and(int(m, 'i8x16.bitmask', mmxRegister(m, 1)), m.i32(0xff));
  enterMmx(m);
  m.write(0, m.zeroExtend(bits, m.operand(0).width));
};

/** MOVQ2DQ and MOVDQ2Q are MMX instructions as far as the x87 state is concerned. */
const movq2dq = (m: Machine): void => {
  m.need('sse');
  m.need('mmx');
  const x = m.read(1, 64);
  enterMmx(m);
  m.write(0, lowHalf(m, x));
};
const movdq2q = (m: Machine): void => {
  m.need('sse');
  m.need('mmx');
  writeMmx(m, 0, vec(m, 'i64x2.splat', low64(m, m.read(1))));
};

const emms = (m: Machine): void => {
  m.need('mmx');
  m.call('mmx_emms', 'none', 0);
};

const mmx = { feature: 'mmx', size: 64, operandSize: 'any' } as const;
const sse = { feature: 'sse', size: 64, operandSize: 'any' } as const;

/** What only MMX registers have: moves, masks, EMMS. Arithmetic shared with XMM registers is in `sse-integer.ts`. */
export const mmxRows: readonly Row[] = [
  row('MOVD', 'NP 0F 6E /r', 'q,rm32', load, mmx),
  row('MOVQ', 'NP W1 0F 6E /r', 'q,rm64', load, { feature: 'mmx', size: 64 }),
  row('MOVQ', 'NP 0F 6F /r', 'q,qm64', move, mmx),
  row('EMMS', 'NP 0F 77', '', emms, { feature: 'mmx' }),
  row('MOVD', 'NP 0F 7E /r', 'rm32,q', store(32), mmx),
  row('MOVQ', 'NP W1 0F 7E /r', 'rm64,q', store(64), { feature: 'mmx', size: 64 }),
  row('MOVQ', 'NP 0F 7F /r', 'qm64,q', moveOut, mmx),
  row('MOVDQ2Q', 'F2 0F D6 /r', 'q,xr', movdq2q, { feature: 'sse2' }),
  row('MOVQ2DQ', 'F3 0F D6 /r', 'x,qr', movq2dq, { feature: 'sse2' }),
  ...bothWidths('PMOVMSKB', 'NP', '0F D7 /r', 'r*,qr', byteMask, { feature: 'sse', size: 64 }),
  row('MOVNTQ', 'NP 0F E7 /r', 'm64,q', store(64), sse),
  row('MASKMOVQ', 'NP 0F F7 /r', 'q,qr', maskedStore, sse),
];
