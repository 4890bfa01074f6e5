import * as L from '#jit/layout';
import { TABLE_FEATURES, type VcpuCore, type VcpuHost } from '#jit';
import type { MachineClock } from '../machine/clock.ts';
import type { CpuModel } from '../machine/cpu-models.ts';
import { Cpuid } from '../machine/cpuid.ts';
import type { MsrBank } from '../machine/msr.ts';
import { randomSource } from '../machine/random-source.ts';
import { apicIdOf } from './pvh-layout.ts';
import type { PvhPlatform } from './pvh-platform.ts';
import { HYPERCALL_MSR, xenCpuid } from './xen-cpuid.ts';

const TSC_HZ = 1_000_000_000;
const OSXSAVE = 0x40000;

/** What a vCPU of a PVH domain answers its core with. */
export interface PvhHostParts {
  readonly domid: number;
  readonly vcpus: number;
  readonly id: number;
  readonly model: CpuModel | undefined;
  readonly platform: PvhPlatform;
  readonly msrs: MsrBank;
  readonly clock: MachineClock;
  core(): VcpuCore;
  hasInterrupt(): boolean;
  /** The vector by which the upcall comes now; 0 when it does not. */
  upcallVector(): number;
  /** An interrupt may want delivery now. */
  interrupt(): void;
  /** Another thread has left something. */
  notice(): void;
  fillHypercallPage(value: bigint): boolean;
  hypercall(): number;
}

/** The host of a vCPU of a PVH domain. */
export function pvhHost(parts: PvhHostParts): VcpuHost {
  const { domid, id, vcpus, model, platform, msrs, clock } = parts;
  const { ports, mmio, lapic } = platform;
  const facts = { domid, vcpu: id, tscHz: TSC_HZ };
  const cpuid = new Cpuid({
    features: TABLE_FEATURES,
    ...(model === undefined ? {} : { model }),
    tscHz: TSC_HZ,
    apicId: apicIdOf(id),
    processors: vcpus,
    osxsave: () => (parts.core().view.getUint32(L.CR4, true) & OSXSAVE) !== 0,
  });
  return {
    portIn: (port, size) => ports.read(port, size as 1 | 2 | 4),
    portOut: (port, size, value) => ports.write(port, size as 1 | 2 | 4, value),
    mmioRead: (physical, size) => mmio.read(physical, size as 1 | 2 | 4),
    mmioWrite: (physical, size, value) => mmio.write(physical, size as 1 | 2 | 4, value),
    cpuid: (leaf, subleaf) => xenCpuid(leaf, subleaf, facts) ?? cpuid.leaf(leaf, subleaf),
    readMsr: (index) => (index === HYPERCALL_MSR ? 0n : msrs.read(index)),
    writeMsr: (index, value) => (index === HYPERCALL_MSR ? parts.fillHypercallPage(value) : msrs.write(index, value)),
    tsc: () => clock.now() * (TSC_HZ / 1e9),
    random32: randomSource(clock.real),
    cr8Changed: (value) => {
      lapic.taskPriority = value;
      parts.interrupt();
    },
    hasInterrupt: () => parts.hasInterrupt(),
    acknowledgeInterrupt: () => {
      const vector = parts.upcallVector() || lapic.acknowledgeInterrupt();
      parts.core().view.setUint32(L.INTR_PENDING, parts.hasInterrupt() ? 1 : 0, true);
      return vector;
    },
    acknowledgeNmi: () => lapic.acknowledgeNmi(),
    hypercall: () => parts.hypercall(),
    kicked: () => parts.notice(),
  };
}
