import * as L from '../../jit/state/vcpu-layout.ts';

/** 32-bit words of floating-point state that are compared. */
const WORDS = {
  top: L.FPU_TOP,
  cw: L.FPU_CW,
  sw: L.FPU_SW,
  tag: L.FPU_TAG,
  fip: L.FPU_FIP,
  fdp: L.FPU_FDP,
  fop: L.FPU_FOP,
  fcs: L.FPU_FCS,
  fds: L.FPU_FDS,
  mxcsr: L.MXCSR,
} as const;

/** XMM registers, x87 registers and their control words, as text by name. */
export function floatState(view: DataView): Record<string, string> {
  const text = (from: number, n: number): string =>
    Buffer.from(new Uint8Array(view.buffer, from, n))
      .reverse()
      .toString('hex');
  const state: Record<string, string> = {};
  for (let i = 0; i < 16; i++) state[`xmm${i}`] = text(L.XMM + i * 16, 16);
  for (let i = 0; i < 8; i++) state[`r${i}`] = text(L.FPU_ST + i * 16, 10);
  for (const [name, address] of Object.entries(WORDS)) state[name] = text(address, 4);
  return state;
}
