import type { DomainTables } from '../memory/domain-tables.ts';
import { Port } from '../memory/domain-tables.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import type { Physmap } from '../memory/physmap.ts';
import type { EventAbi } from './event-abi.ts';
import type { VcpuUpcall } from './vcpu-upcall.ts';

/**
 * The ABI that every domain begins with: a bit per port for pending and masked in the shared info page, and above them a
 * bit per word in `vcpu_info`.
 */
export class TwoLevelEvents implements EventAbi {
  readonly #tables: DomainTables;
  readonly #ram: GuestRam;
  readonly #physmap: Physmap;
  readonly #upcall: VcpuUpcall;

  constructor(tables: DomainTables, ram: GuestRam, physmap: Physmap, upcall: VcpuUpcall) {
    this.#tables = tables;
    this.#ram = ram;
    this.#physmap = physmap;
    this.#upcall = upcall;
  }

  setPending(port: number): void {
    if (port >= this.#upcall.layout.ports || this.#set(this.#pending, port)) return;
    if (!this.isMasked(port)) this.#raise(port);
  }

  clearPending(port: number): void {
    if (port < this.#upcall.layout.ports) this.#ram.clearBits(wordAt(this.#pending, port), bitOf(port));
  }

  isPending(port: number): boolean {
    return port < this.#upcall.layout.ports && this.#test(this.#pending, port);
  }

  isMasked(port: number): boolean {
    return this.#test(this.#mask, port);
  }

  unmask(port: number): void {
    if (port >= this.#upcall.layout.ports) return;
    const before = this.#ram.clearBits(wordAt(this.#mask, port), bitOf(port));
    if ((before & bitOf(port)) !== 0 && this.isPending(port)) this.#raise(port);
  }

  get #pending(): number {
    return this.#physmap.sharedInfo + this.#upcall.layout.evtchnPending;
  }

  get #mask(): number {
    return this.#physmap.sharedInfo + this.#upcall.layout.evtchnMask;
  }

  #raise(port: number): void {
    const vcpu = this.#tables.port(port, Port.VCPU);
    const { pendingSel, wordBits } = this.#upcall.layout;
    const info = this.#upcall.infoOf(vcpu);
    if (info < 0) return;
    // A word of the guest's is 32 or 64 bits; little-endian, so a bit is where it would be in words of 32.
    if (!this.#set(info + pendingSel, port / wordBits)) this.#upcall.markPending(vcpu);
  }

  #test(base: number, bit: number): boolean {
    return (this.#ram.load(wordAt(base, bit)) & bitOf(bit)) !== 0;
  }

  /** Sets a bit; whether it was set. */
  #set(base: number, bit: number): boolean {
    return (this.#ram.setBits(wordAt(base, bit), bitOf(bit)) & bitOf(bit)) !== 0;
  }
}

const wordAt = (base: number, bit: number): number => base + (bit >> 5) * 4;

const bitOf = (bit: number): number => 1 << (bit & 31);
