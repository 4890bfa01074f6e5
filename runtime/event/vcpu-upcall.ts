import { VcpuInfo, type SharedInfoLayout, SHARED_INFO_32, SHARED_INFO_64 } from '#sdk';
import { type DomainTables, Vcpu } from '../memory/domain-tables.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import type { Physmap } from '../memory/physmap.ts';
import type { UpcallTarget } from './event-abi.ts';

/** The places in guest memory where vCPUs learn that an event is pending. */
export class VcpuUpcall implements UpcallTarget {
  readonly #tables: DomainTables;
  readonly #ram: GuestRam;
  readonly #physmap: Physmap;
  readonly #kick: (vcpu: number) => void;

  /** @param kick - has the thread that runs a vCPU look; called from any thread, after KICKED was set */
  constructor(tables: DomainTables, ram: GuestRam, physmap: Physmap, kick: (vcpu: number) => void) {
    this.#tables = tables;
    this.#ram = ram;
    this.#physmap = physmap;
    this.#kick = kick;
  }

  /** The layout in force. */
  get layout(): SharedInfoLayout {
    return this.#tables.wordBits === 32 ? SHARED_INFO_32 : SHARED_INFO_64;
  }

  /** Address of a vCPU's `vcpu_info`; -1 when it has none yet. */
  infoOf(vcpu: number): number {
    const registered = this.#tables.vcpu(vcpu, Vcpu.INFO);
    if (registered !== 0) return registered;
    return vcpu < VcpuInfo.LEGACY_MAX_VCPUS ? this.#physmap.sharedInfo + vcpu * VcpuInfo.SIZE : -1;
  }

  /** Whether an upcall is pending. Hot path: asked before each entry of the vCPU with interrupts on. */
  isPending(vcpu: number): boolean {
    const info = this.infoOf(vcpu);
    return info >= 0 && Atomics.load(this.#ram.bytes, info) !== 0;
  }

  markPending(vcpu: number): void {
    const info = this.infoOf(vcpu);
    if (info < 0 || Atomics.exchange(this.#ram.bytes, info, 1) !== 0) return;
    this.#tables.setVcpu(vcpu, Vcpu.KICKED, 1);
    this.#kick(vcpu);
  }

  /** Has a vCPU's thread look without an upcall: the vCPU polls. */
  wakePoller(vcpu: number): void {
    if (this.#tables.vcpu(vcpu, Vcpu.POLLING) !== 0) this.#kick(vcpu);
  }

  /** Has a vCPU look at all words of the 2-level ABI: it has a new `vcpu_info`. */
  markAll(vcpu: number): void {
    const info = this.infoOf(vcpu);
    if (info < 0) return;
    const { pendingSel, wordBits } = this.layout;
    for (let at = 0; at < wordBits / 8; at += 4) this.#ram.setBits(info + pendingSel + at, -1);
    this.markPending(vcpu);
  }
}
