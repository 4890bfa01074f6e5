import * as L from '../state/vcpu-layout.ts';
import type { VcpuHost } from './vcpu-host.ts';

/** Thrown by `host.raise`; made once, since a stack trace costs more than the fault. */
class GuestFault extends Error {
  override readonly name = 'GuestFault';
}
const previousLimit = Error.stackTraceLimit;
Error.stackTraceLimit = 0;
/** What `host.raise` throws. */
export const GUEST_FAULT = new GuestFault('guest fault');
Error.stackTraceLimit = previousLimit;

/** What the microcode's callbacks reach of their core. */
export interface ImportingCore {
  readonly view: DataView;
  readonly link: { splitLock(take: boolean): void };
  readonly onHot: ((record: number) => void) | undefined;
  expire(): void;
  codeWritten(physical: number, length: number): void;
}

/** The functions that microcode and interpreter import. */
export function hostImports(core: ImportingCore, host: VcpuHost): Record<string, unknown> {
  const { view } = core;
  return {
    portIn: (port: number, size: number) => host.portIn(port, size),
    portOut: (port: number, size: number, value: number) => host.portOut(port, size, size === 4 ? value >>> 0 : value),
    mmioRead: (physical: number, size: number) => host.mmioRead(physical >>> 0, size),
    mmioWrite: (physical: number, size: number, value: number) => host.mmioWrite(physical >>> 0, size, size === 4 ? value >>> 0 : value),
    codeWritten: (physical: number, length: number) => core.codeWritten(physical >>> 0, length),
    splitLock: (take: number) => core.link.splitLock(take !== 0),
    cpuid: () => {
      const [a, b, c, d] = host.cpuid(view.getUint32(L.GPR, true), view.getUint32(L.GPR + 8, true));
      for (const [i, v] of [a, c, d, b].entries()) view.setBigUint64(L.GPR + i * 8, BigInt(v >>> 0), true);
    },
    rdmsr: () => {
      const value = host.readMsr(view.getUint32(L.GPR + 8, true));
      if (value === null) return 0;
      view.setBigUint64(L.GPR, value & 0xffffffffn, true);
      view.setBigUint64(L.GPR + 16, BigInt.asUintN(64, value) >> 32n, true);
      return 1;
    },
    wrmsr: () => {
      const value = BigInt(view.getUint32(L.GPR, true)) | (BigInt(view.getUint32(L.GPR + 16, true)) << 32n);
      return host.writeMsr(view.getUint32(L.GPR + 8, true), value) ? 1 : 0;
    },
    tsc: () => host.tsc(),
    raise: () => {
      throw GUEST_FAULT;
    },
    interruptCheck: () => core.expire(),
    modeChanged: () => {},
    cr8Changed: (value: number) => host.cr8Changed(value),
    random32: () => host.random32(),
    hypercall: () => host.hypercall?.() ?? 0,
    hot: (record: number) => core.onHot?.(record),
  };
}
