/** Which CPU a guest is told that it has: masks over what there is, and an identity. */
export interface CpuModel {
  readonly name: string;
  /** What it is, for the list of models. */
  readonly summary: string;
  /** EAX of leaf 1: family, model and stepping. */
  readonly signature: number;
  readonly maxBasicLeaf: number;
  /** The highest extended leaf, 0 when there are none. */
  readonly maxExtendedLeaf: number;
  readonly leaf1Edx: number;
  readonly leaf1Ecx: number;
  readonly leaf7Ebx: number;
  readonly extendedEdx: number;
  readonly extendedEcx: number;
}

const ALL = 0xffffffff;
const HYPERVISOR = 0x80000000;
/** FPU to FXSR as the Pentium Pro has them, with MMX and FXSAVE. */
const P6_EDX = 0x0183fbff;
const SSE = 0x02000000;
const SSE2 = 0x04000000;

/** SSE3, SSSE3, CMPXCHG16B. */
const CORE2_ECX = 0x00002201;
/** The same with SSE4.1, SSE4.2, x2APIC, POPCNT. */
const NEHALEM_ECX = CORE2_ECX | 0x00b80000;

const MODELS: readonly CpuModel[] = [
  {
    name: 'max', summary: 'everything that Xylem has', signature: 0x000106a5, maxBasicLeaf: 0x16, maxExtendedLeaf: 0x80000008,
    leaf1Edx: ALL, leaf1Ecx: ALL, leaf7Ebx: ALL, extendedEdx: ALL, extendedEcx: ALL,
  },
  {
    name: 'nehalem', summary: '64-bit, SSE4.2 and POPCNT (x86-64-v2)', signature: 0x000106a5, maxBasicLeaf: 0xb, maxExtendedLeaf: 0x80000008,
    leaf1Edx: ALL, leaf1Ecx: (NEHALEM_ECX | HYPERVISOR) >>> 0, leaf7Ebx: 0, extendedEdx: ALL, extendedEcx: 0x1,
  },
  {
    name: 'core2', summary: '64-bit, SSSE3', signature: 0x000006fb, maxBasicLeaf: 0xa, maxExtendedLeaf: 0x80000008,
    leaf1Edx: ALL, leaf1Ecx: (CORE2_ECX | HYPERVISOR) >>> 0, leaf7Ebx: 0, extendedEdx: 0x20100800, extendedEcx: 0x1,
  },
  {
    name: 'pentium4', summary: '32-bit, SSE2', signature: 0x00000f29, maxBasicLeaf: 2, maxExtendedLeaf: 0x80000004,
    leaf1Edx: P6_EDX | SSE | SSE2, leaf1Ecx: HYPERVISOR, leaf7Ebx: 0, extendedEdx: 0, extendedEcx: 0,
  },
  {
    name: 'pentium3', summary: '32-bit, SSE', signature: 0x0000068a, maxBasicLeaf: 2, maxExtendedLeaf: 0,
    leaf1Edx: P6_EDX | SSE, leaf1Ecx: HYPERVISOR, leaf7Ebx: 0, extendedEdx: 0, extendedEcx: 0,
  },
  {
    // CPUID itself came with late ones; they have nothing but the FPU.
    name: 'i486', summary: '32-bit, FPU only', signature: 0x00000480, maxBasicLeaf: 1, maxExtendedLeaf: 0,
    leaf1Edx: 0x1, leaf1Ecx: HYPERVISOR, leaf7Ebx: 0, extendedEdx: 0, extendedEcx: 0,
  },
];

/** The models by name, the default one first. */
export const cpuModels: ReadonlyMap<string, CpuModel> = new Map(MODELS.map((model) => [model.name, model]));
