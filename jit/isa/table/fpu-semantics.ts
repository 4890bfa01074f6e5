import type { Machine, Value } from '../../ir/machine.ts';
import type { Width } from '../../ir/node.ts';
import { FP_SCRATCH, FPU_FCS, FPU_FDP, FPU_FIP, SEG_CS, SEG_SELECTOR } from '../../state/vcpu-layout.ts';

type Sem = (m: Machine) => void;

/**
 * Records where the instruction and its memory operand are, for FNSTENV and its kin. 16-bit code also keeps the
 * selectors: real-mode images hold linear addresses. FPU_FOP is worked out when an image is stored.
 */
const record = (m: Machine): void => {
  m.setState(FPU_FIP, m.thisRip());
  const memory = m.arity > 0 && m.isMemory(0);
  if (memory) m.setState(FPU_FDP, m.effectiveAddress(0));
  if (m.facts.mode !== 16) return;
  m.setState(FPU_FCS, m.state(SEG_CS + SEG_SELECTOR));
  if (memory) m.call('x87_note_segment', 'none', 0, m.segmentNumber());
};

const routine = (m: Machine, name: string, ...args: Value[]): void => void m.call(`x87_${name}`, 'none', 0, ...args);

/** A routine without operands; control instructions leave the instruction pointer alone. */
export const plain = (name: string): Sem => (m) => {
  m.need('fpu');
  record(m);
  routine(m, name);
};

/** A control routine that does not wait and has no operands. */
export const control = (name: string): Sem => (m) => {
  m.need('fpu-nowait');
  routine(m, name);
};

/** A routine that takes the ST number of operand 0. */
export const onRegister = (name: string): Sem => (m) => {
  m.need('fpu');
  record(m);
  routine(m, name, m.read(0, 32));
};

/** Arithmetic with ST(0) as destination. */
export const toTop = (name: string): Sem => (m) => {
  m.need('fpu');
  record(m);
  routine(m, name, m.i32(0), m.read(0, 32));
};

/** Arithmetic with ST(i) as destination. */
export const toRegister = (name: string): Sem => (m) => {
  m.need('fpu');
  record(m);
  routine(m, name, m.read(0, 32), m.i32(0));
};

/** A routine that takes the bits of a memory operand of up to 64 bits. */
export const fromMemory = (name: string): Sem => (m) => {
  m.need('fpu');
  const bits = m.zeroExtend(m.read(0), 64);
  record(m);
  routine(m, name, bits);
};

const TEN_BYTES = 10;

/** A routine that takes the 10 bytes of a memory operand from scratch. */
export const fromMemory80 = (name: string): Sem => (m) => {
  m.need('fpu');
  const address = m.address(0, TEN_BYTES);
  const low = m.load(address, 64);
  const high = m.load(m.add(address, m.constant(64, 8)), 16);
  record(m);
  m.setState(FP_SCRATCH, low);
  m.setState(FP_SCRATCH + 8, m.zeroExtend(high, 32));
  routine(m, name);
};

/** Runs `write` unless an unmasked exception forbids the store. */
const unlessSuppressed = (m: Machine, write: () => void): void =>
  m.when(m.isZero(m.call('x87_store_suppressed', 'i32', 32)), write);

/** Stores the converted ST(0) to memory, then pops if asked to: a page fault leaves the unit as it was. */
export const toMemory = (name: string, pop: boolean): Sem => (m) => {
  m.need('fpu');
  const address = m.address(0);
  const bits = m.call(`x87_${name}`, 'i64', 64);
  unlessSuppressed(m, () => m.store(address, m.truncate(bits, m.operand(0).width as Width)));
  record(m);
  routine(m, 'store_commit', m.i32(pop ? 1 : 0));
};

/** As `toMemory` for the 10 bytes that the routine leaves in scratch; both parts are checked before one is written. */
export const toMemory80 = (name: string): Sem => (m) => {
  m.need('fpu');
  const address = m.address(0, TEN_BYTES);
  routine(m, name);
  unlessSuppressed(m, () => {
    const low = m.loadModify(address, 64);
    const high = m.loadModify(m.add(address, m.constant(64, 8)), 16);
    m.storeModified(low, m.state(FP_SCRATCH, 64));
    m.storeModified(high, m.truncate(m.state(FP_SCRATCH + 8), 16));
  });
  record(m);
  routine(m, 'store_commit', m.i32(1));
};

/** FCMOVcc: the condition is taken before the routine runs. */
export const conditionalMove = (condition: (m: Machine) => Value): Sem => (m) => {
  m.need('fpu');
  record(m);
  routine(m, 'fcmov', m.read(0, 32), condition(m));
};

/** FCOMI and its kin: the routine returns the new flags, or -1 to leave them. */
export const compareToFlags = (name: string): Sem => (m) => {
  m.need('fpu');
  record(m);
  const flags = m.call(`x87_${name}`, 'i32', 32, m.read(0, 32));
  const zero = m.i32(0);
  m.when(m.ne(flags, m.i32(-1)), () =>
    m.assignFlags({ cf: m.bit(flags, 0), pf: m.bit(flags, 2), zf: m.bit(flags, 6), of: zero, sf: zero, af: zero }));
};

/** A routine on an image in memory, which does its own accesses and faults. */
export const image = (name: string, unit: 'fpu' | 'fpu-nowait', wide: boolean): Sem => (m) => {
  m.need(unit);
  m.system(`x87_${name}`, m.segmentNumber(), m.effectiveAddress(0), m.i32(wide ? 1 : 0));
};
