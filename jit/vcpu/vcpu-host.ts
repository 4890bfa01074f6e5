/** What a vCPU asks of the machine around it. Physical addresses and values are unsigned numbers. */
export interface VcpuHost {
  portIn(port: number, size: number): number;
  portOut(port: number, size: number, value: number): void;
  mmioRead(physical: number, size: number): number;
  mmioWrite(physical: number, size: number, value: number): void;
  /** CPUID leaf and subleaf: EAX, EBX, ECX, EDX. */
  cpuid(leaf: number, subleaf: number): readonly [number, number, number, number];
  /** Value of an MSR the microcode does not keep, or null: #GP. */
  readMsr(index: number): bigint | null;
  /** Takes a write of such an MSR; false: #GP. */
  writeMsr(index: number, value: bigint): boolean;
  /** Time-stamp counter of the clock, below 2^53. */
  tsc(): number;
  random32(): number;
  /** CR8 was written (task priority). */
  cr8Changed(value: number): void;
  /** A maskable interrupt waits and may be delivered when IF allows it. */
  hasInterrupt(): boolean;
  /** Takes the vector of the waiting interrupt. */
  acknowledgeInterrupt(): number;
  /** Does the hypercall in the registers: 1, or 2 when the vCPU is to wait; 0 or no such method: #UD. */
  hypercall?(): number;
  /** Another thread has kicked the core: something may have been left for this vCPU. */
  kicked?(): void;
  /** The map of guest-physical memory was changed by another core: what the vCPU knows of it is to be renewed, and its TLB dropped. */
  mapChanged?(): void;
  /** The non-maskable interrupt that NMI_PENDING announced is taken. */
  acknowledgeNmi?(): void;
}
