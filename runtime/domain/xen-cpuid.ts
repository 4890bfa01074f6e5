import { XEN_VERSION } from '#sdk';

/** First of the leaves in which the hypervisor shows itself. */
export const XEN_CPUID_BASE = 0x4000_0000;
/** MSR that a guest writes to get a hypercall page. */
export const HYPERCALL_MSR = 0x4000_0000;

const LAST = 5;
const SIGNATURE = [0x566e_6558, 0x6558_4d4d, 0x4d4d_566e] as const;
/** The TSC runs at one rate on all processors and never stops. */
const HOST_TSC_RELIABLE = 1 << 1;
const TSC_MODE_DEFAULT = 0;
const VCPU_ID_PRESENT = 1 << 3;
const DOMID_PRESENT = 1 << 4;
const MACHINE_ADDRESS_BITS = 40;

/** What the leaves say of a vCPU. */
export interface XenCpuidFacts {
  readonly domid: number;
  readonly vcpu: number;
  readonly tscHz: number;
}

/** Xen's CPUID leaves; undefined for the processor's own. `xen/include/public/arch-x86/cpuid.h` */
export function xenCpuid(leaf: number, subleaf: number, facts: XenCpuidFacts): readonly [number, number, number, number] | undefined {
  const kHz = Math.trunc(facts.tscHz / 1000);
  switch ((leaf >>> 0) - XEN_CPUID_BASE) {
    case 0:
      return [XEN_CPUID_BASE + LAST, ...SIGNATURE];
    case 1:
      return [XEN_VERSION, 0, 0, 0];
    case 2:
      return [1, HYPERCALL_MSR, 0, 0];
    case 3:
      if (subleaf === 0) return [HOST_TSC_RELIABLE, TSC_MODE_DEFAULT, kHz, 0];
      if (subleaf === 1) return [0, 0, 0x8000_0000, 1];
      return subleaf === 2 ? [kHz, 0, 0, 0] : [0, 0, 0, 0];
    case 4:
      // Without the bit for upcall vectors of vCPUs guests take one vector for all, which costs no end of interrupt.
      return [VCPU_ID_PRESENT | DOMID_PRESENT, facts.vcpu, facts.domid, 0];
    case LAST:
      return [MACHINE_ADDRESS_BITS, 0, 0, 0];
    default:
      return undefined;
  }
}
