import type { Machine } from '../../ir/machine.ts';
import { CR0, EFLAGS } from '../../state/vcpu-layout.ts';

const UD = 6;
const CR0_PE = 1;
const EFLAGS_VM = 0x20000;

/** #UD in real-address and virtual-8086 mode. */
export function needProtected(m: Machine): void {
  if (m.facts.mode === 64) return;
  const real = m.isZero(m.and(m.truncate(m.state(CR0, 64), 32), m.i32(CR0_PE)));
  m.faultIf(m.or(real, m.and(m.state(EFLAGS), m.i32(EFLAGS_VM))), UD);
}

/** The meaning of a VEX-encoded instruction: code of the two modes that have no VEX is always 16-bit. */
export const vexMeaning = (sem: (m: Machine) => void) => (m: Machine): void => {
  if (m.facts.mode === 16) needProtected(m);
  sem(m);
};
