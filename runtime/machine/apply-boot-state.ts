import * as L from '#jit/layout';
import type { VcpuCore } from '#jit';
import type { BootState } from '../loader/index.ts';

/** Puts the vCPU into the state a boot protocol asks for. */
export function applyBootState(core: VcpuCore, boot: BootState): void {
  const { view } = core;
  const order = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
  for (const [i, name] of order.entries()) core.setGpr(i, BigInt((boot.registers[name] ?? 0) >>> 0));
  core.rip = BigInt(boot.rip);
  const set = (at: number, s: BootState['segments']['code']): void => {
    view.setUint32(at + L.SEG_SELECTOR, s.selector, true);
    view.setBigUint64(at + L.SEG_BASE, BigInt(s.base), true);
    view.setUint32(at + L.SEG_LIMIT, s.limit, true);
    view.setUint32(at + L.SEG_ATTR, (s.accessRights << 8) >>> 0, true);
  };
  set(L.SEG_CS, boot.segments.code);
  for (const at of [L.SEG_ES, L.SEG_SS, L.SEG_DS, L.SEG_FS, L.SEG_GS]) set(at, boot.segments.data);
  if (boot.segments.task) set(L.SEG_TR, boot.segments.task);
  if (boot.gdt) {
    view.setBigUint64(L.GDTR_BASE, BigInt(boot.gdt.address), true);
    view.setUint32(L.GDTR_LIMIT, boot.gdt.limit, true);
  }
  view.setUint32(L.EFLAGS, 2, true);
  if (boot.mode !== 'real') view.setBigUint64(L.CR0, 0x11n, true);
  core.exports.updateContext();
}
