import { EventFifo, Errno } from '#sdk';
import { type DomainTables, MAX_PORTS, Port, Vcpu } from '../memory/domain-tables.ts';
import { type GuestRam, PAGE } from '../memory/guest-ram.ts';
import type { EventAbi } from './event-abi.ts';
import type { VcpuUpcall } from './vcpu-upcall.ts';

const PENDING = 1 << EventFifo.EVTCHN_FIFO_PENDING;
const MASKED = 1 << EventFifo.EVTCHN_FIFO_MASKED;
const LINKED = 1 << EventFifo.EVTCHN_FIFO_LINKED;
const BUSY = 1 << EventFifo.EVTCHN_FIFO_BUSY;
const LINK = (1 << EventFifo.EVTCHN_FIFO_LINK_BITS) - 1;
const EVENTS_PER_PAGE = PAGE / 4;
/** Offsets in the control block: u32 ready, u32 reserved, u32 head per queue. */
const HEADS = 8;
const CONTROL_BYTES = HEADS + 4 * EventFifo.EVTCHN_FIFO_MAX_QUEUES;
/** How often a link is tried while the guest changes the word. */
const ATTEMPTS = 16;

/**
 * The FIFO ABI: a word per port in pages that the guest gives, and per vCPU and priority a queue that is linked through
 * these words. The guest takes from the heads; tails are kept here.
 */
export class FifoEvents implements EventAbi {
  readonly #tables: DomainTables;
  readonly #ram: GuestRam;
  readonly #upcall: VcpuUpcall;

  constructor(tables: DomainTables, ram: GuestRam, upcall: VcpuUpcall) {
    this.#tables = tables;
    this.#ram = ram;
    this.#upcall = upcall;
  }

  /** Takes the control block of a vCPU; 0 or a negative errno. The caller has translated the page. */
  setControl(vcpu: number, page: number, offset: number): number {
    if (this.#tables.vcpu(vcpu, Vcpu.FIFO_CONTROL) !== 0 || offset % 8 !== 0 || offset + CONTROL_BYTES > PAGE) return -Errno.EINVAL;
    for (let queue = 0; queue < EventFifo.EVTCHN_FIFO_MAX_QUEUES; queue++) this.#tables.setVcpu(vcpu, Vcpu.FIFO_TAILS + queue, 0);
    this.#tables.setVcpu(vcpu, Vcpu.FIFO_CONTROL, page + offset);
    return 0;
  }

  /** Takes one more page of event words; 0 or a negative errno. */
  addPage(address: number): number {
    const { fifoPages } = this.#tables;
    const index = fifoPages.indexOf(0);
    if (index < 0) return -Errno.ENOSPC;
    fifoPages[index] = address;
    for (let port = index * EVENTS_PER_PAGE; port < Math.min(MAX_PORTS, (index + 1) * EVENTS_PER_PAGE); port++) {
      if (this.#tables.port(port, Port.PENDING) !== 0) this.setPending(port);
    }
    return 0;
  }

  setPending(port: number): void {
    const word = this.#wordOf(port);
    if (word === 0) {
      this.#tables.setPort(port, Port.PENDING, 1);
      return;
    }
    this.#tables.setPort(port, Port.PENDING, 0);
    const before = this.#ram.setBits(word, PENDING);
    if ((before & MASKED) !== 0 || (this.#ram.setBits(word, LINKED) & LINKED) !== 0) return;
    this.#enqueue(port);
  }

  clearPending(port: number): void {
    const word = this.#wordOf(port);
    // The guest takes it out of its queue itself.
    if (word !== 0) this.#ram.clearBits(word, PENDING);
    this.#tables.setPort(port, Port.PENDING, 0);
  }

  isPending(port: number): boolean {
    const word = this.#wordOf(port);
    return word === 0 ? this.#tables.port(port, Port.PENDING) !== 0 : (this.#ram.load(word) & PENDING) !== 0;
  }

  isMasked(port: number): boolean {
    const word = this.#wordOf(port);
    return word === 0 || (this.#ram.load(word) & MASKED) !== 0;
  }

  unmask(port: number): void {
    const word = this.#wordOf(port);
    if (word === 0) return;
    if ((this.#ram.clearBits(word, MASKED) & PENDING) !== 0) this.setPending(port);
  }

  #enqueue(port: number): void {
    const tables = this.#tables;
    const vcpu = tables.port(port, Port.VCPU);
    const priority = tables.port(port, Port.PRIORITY);
    const control = tables.vcpu(vcpu, Vcpu.FIFO_CONTROL);
    if (control === 0) return;
    // A port that is the tail of its old queue and not linked any more has left it empty.
    const oldTail = Vcpu.FIFO_TAILS + tables.port(port, Port.LAST_PRIORITY);
    const oldVcpu = tables.port(port, Port.LAST_VCPU);
    if (tables.vcpu(oldVcpu, oldTail) === port) tables.setVcpu(oldVcpu, oldTail, 0);
    tables.setPort(port, Port.LAST_VCPU, vcpu);
    tables.setPort(port, Port.LAST_PRIORITY, priority);
    const tail = tables.vcpu(vcpu, Vcpu.FIFO_TAILS + priority);
    const linked = tail !== 0 && this.#link(tail, port);
    if (!linked) Atomics.store(this.#ram.words, (control + HEADS + 4 * priority) >> 2, port);
    tables.setVcpu(vcpu, Vcpu.FIFO_TAILS + priority, port);
    if (!linked && (this.#ram.setBits(control, 1 << priority) & (1 << priority)) === 0) this.#upcall.markPending(vcpu);
  }

  /** Links a port behind the tail; false when the guest has taken the tail meanwhile, and so all before it. */
  #link(tail: number, port: number): boolean {
    const word = this.#wordOf(tail);
    if (word === 0) return false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const old = this.#ram.load(word);
      if ((old & LINKED) === 0) {
        // the guest spins for as long as it finds its word busy
        if (attempt > 0) this.#ram.clearBits(word, BUSY);
        return false;
      }
      if (this.#ram.replace(word, old, (old & ~(BUSY | LINK)) | port)) return true;
      // While this is set the guest waits before it takes the event.
      this.#ram.setBits(word, BUSY);
    }
    // Only a guest that writes its word over and over comes here. The event is lost to it, as under Xen; those before it are not.
    this.#ram.clearBits(word, BUSY);
    return true;
  }

  #wordOf(port: number): number {
    const page = this.#tables.fifoPages[Math.floor(port / EVENTS_PER_PAGE)] ?? 0;
    return page === 0 ? 0 : page + (port % EVENTS_PER_PAGE) * 4;
  }
}
