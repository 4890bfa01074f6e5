import { Domid, Errno, EventFifo, Virq } from '#sdk';
import { type DomainTables, MAX_PORTS, Port, Vcpu } from '../memory/domain-tables.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import type { Physmap } from '../memory/physmap.ts';
import type { EventAbi } from './event-abi.ts';
import { FifoEvents } from './fifo-events.ts';
import { PortState, type PortStatus } from './port-state.ts';
import { TwoLevelEvents } from './two-level-events.ts';
import type { VcpuUpcall } from './vcpu-upcall.ts';

/** What a domain's event channels need of the hypervisor. */
export interface EventPeers {
  /** The event channels of another domain; undefined when it has none that a guest could bind to. */
  find(domid: number): EventChannels | undefined;
  /** A domain signalled a port whose other end is a backend in the process. Called from the domain's thread. */
  signal(port: number): void;
  /** The guest closed such a port. */
  closed(port: number): void;
}

/** What event channels are made of. */
export interface EventChannelParts {
  readonly domid: number;
  readonly vcpus: number;
  readonly tables: DomainTables;
  readonly ram: GuestRam;
  readonly physmap: Physmap;
  readonly upcall: VcpuUpcall;
  readonly peers: EventPeers;
}

/** Virtual interrupts that each vCPU has of its own; the others belong to the domain and start at vCPU 0. */
const PER_VCPU_VIRQS: ReadonlySet<number> = new Set([Virq.VIRQ_TIMER, Virq.VIRQ_DEBUG, Virq.VIRQ_XENOPROF]);

/**
 * The event channels of a domain. Results are a port or 0, or a negative errno. The ports' records are shared by all
 * threads and guarded by the domain's lock; pending and masked bits are in guest memory.
 */
export class EventChannels {
  readonly domid: number;
  readonly #vcpus: number;
  readonly #tables: DomainTables;
  readonly #physmap: Physmap;
  readonly #upcall: VcpuUpcall;
  readonly #peers: EventPeers;
  readonly #twoLevel: TwoLevelEvents;
  readonly #fifo: FifoEvents;

  constructor(parts: EventChannelParts) {
    const { domid, vcpus, tables, ram, physmap, upcall, peers } = parts;
    this.domid = domid;
    this.#vcpus = vcpus;
    this.#tables = tables;
    this.#physmap = physmap;
    this.#upcall = upcall;
    this.#peers = peers;
    this.#twoLevel = new TwoLevelEvents(tables, ram, physmap, upcall);
    this.#fifo = new FifoEvents(tables, ram, upcall);
  }

  /** A port that `remoteDomid` may bind to. */
  allocUnbound(remoteDomid: number): number {
    return this.#locked(() => this.#allocate(PortState.unbound, { remoteDomid: this.#resolve(remoteDomid) }));
  }

  /** For the builder: a port whose other end is a backend in the process. */
  allocBackend(remoteDomid: number): number {
    return this.#locked(() => this.#allocate(PortState.interdomain, { remoteDomid }));
  }

  /** For a backend in the process: becomes the other end of an unbound port; whether it could. */
  bindBackend(port: number, domid: number): boolean {
    return this.#locked(() => {
      if (this.#state(port) !== PortState.unbound || this.#tables.port(port, Port.REMOTE_DOMID) !== domid) return false;
      this.#tables.setPort(port, Port.STATE, PortState.interdomain);
      this.#tables.setPort(port, Port.REMOTE_PORT, 0);
      // As in Xen: what was sent before the other end was there must not be lost.
      this.#pend(port);
      return true;
    });
  }

  /** For a backend in the process: lets a port go, which is then unbound again. */
  releaseBackend(port: number): void {
    this.#locked(() => {
      if (this.#state(port) === PortState.interdomain) this.#tables.setPort(port, Port.STATE, PortState.unbound);
    });
  }

  /** For a backend in the process: an event to the guest. */
  notify(port: number): void {
    this.#locked(() => {
      if (this.#state(port) === PortState.interdomain) this.#pend(port);
    });
  }

  /** Binds to an unbound port of another domain. */
  bindInterdomain(remoteDomid: number, remotePort: number): number {
    const domid = this.#resolve(remoteDomid);
    const peer = domid === this.domid ? this : this.#peers.find(domid);
    if (peer === undefined) return -Errno.ESRCH;
    // One lock at a time: the other end may come to an end between the two steps, and then the first is undone.
    const port = this.#locked(() => this.#allocate(PortState.interdomain, { remoteDomid: domid, remotePort }));
    if (port < 0) return port;
    if (peer.#accept(remotePort, this.domid, port)) {
      this.#locked(() => this.#pend(port));
      return port;
    }
    this.#locked(() => this.#free(port));
    return -Errno.EINVAL;
  }

  #accept(port: number, domid: number, remotePort: number): boolean {
    return this.#locked(() => {
      if (this.#state(port) !== PortState.unbound || this.#tables.port(port, Port.REMOTE_DOMID) !== domid) return false;
      this.#tables.setPort(port, Port.STATE, PortState.interdomain);
      this.#tables.setPort(port, Port.REMOTE_PORT, remotePort);
      return true;
    });
  }

  bindVirq(virq: number, vcpu: number): number {
    if (virq < 0 || virq >= Virq.NR_VIRQS || (!PER_VCPU_VIRQS.has(virq) && vcpu !== 0)) return -Errno.EINVAL;
    if (!this.#hasVcpu(vcpu)) return -Errno.ENOENT;
    return this.#locked(() => {
      if (this.#tables.vcpu(vcpu, Vcpu.VIRQ_PORTS + virq) !== 0) return -Errno.EEXIST;
      const port = this.#allocate(PortState.virq, { remotePort: virq, vcpu });
      if (port > 0) this.#tables.setVcpu(vcpu, Vcpu.VIRQ_PORTS + virq, port);
      return port;
    });
  }

  bindIpi(vcpu: number): number {
    if (!this.#hasVcpu(vcpu)) return -Errno.ENOENT;
    return this.#locked(() => this.#allocate(PortState.ipi, { vcpu }));
  }

  /** Raises a virtual interrupt; the domain-wide ones at whichever vCPU they were moved to. */
  raiseVirq(virq: number, vcpu: number): void {
    this.#locked(() => {
      const port = this.#tables.vcpu(PER_VCPU_VIRQS.has(virq) ? vcpu : 0, Vcpu.VIRQ_PORTS + virq);
      if (port !== 0) this.#pend(port);
    });
  }

  close(port: number): number {
    const before = this.#locked(() => {
      const status = this.#statusOf(port);
      if (status.state === PortState.free) return undefined;
      if (status.state === PortState.virq) this.#tables.setVcpu(status.vcpu, Vcpu.VIRQ_PORTS + status.remotePort, 0);
      this.#free(port);
      return status;
    });
    if (before === undefined) return -Errno.EINVAL;
    if (before.state !== PortState.interdomain) return 0;
    const peer = before.remoteDomid === this.domid ? this : this.#peers.find(before.remoteDomid);
    if (peer === undefined) this.#peers.closed(port);
    else peer.#abandon(before.remotePort, port);
    return 0;
  }

  /** The other end of a port was closed. */
  #abandon(port: number, remotePort: number): void {
    this.#locked(() => {
      if (this.#state(port) !== PortState.interdomain || this.#tables.port(port, Port.REMOTE_PORT) !== remotePort) return;
      this.#tables.setPort(port, Port.STATE, PortState.unbound);
    });
  }

  send(port: number): number {
    const { state, remoteDomid, remotePort } = this.#statusOf(port);
    if (state === PortState.ipi) {
      this.#locked(() => this.#pend(port));
      return 0;
    }
    if (state === PortState.unbound) return 0; // nobody is there to hear it
    if (state !== PortState.interdomain) return -Errno.EINVAL;
    const peer = remoteDomid === this.domid ? this : this.#peers.find(remoteDomid);
    if (peer === undefined) this.#peers.signal(port);
    else peer.notify(remotePort);
    return 0;
  }

  /** What a port is; undefined when there can be none. */
  status(port: number): PortStatus | undefined {
    return port > 0 && port < MAX_PORTS ? this.#statusOf(port) : undefined;
  }

  unmask(port: number): number {
    if (this.#state(port) === PortState.free) return -Errno.EINVAL;
    this.#locked(() => this.#abi.unmask(port));
    return 0;
  }

  bindVcpu(port: number, vcpu: number): number {
    if (!this.#hasVcpu(vcpu)) return -Errno.ENOENT;
    return this.#locked(() => {
      const { state, remotePort } = this.#statusOf(port);
      const isOwn = state === PortState.virq && PER_VCPU_VIRQS.has(remotePort);
      if (state === PortState.free || state === PortState.ipi || isOwn) return -Errno.EINVAL;
      this.#tables.setPort(port, Port.VCPU, vcpu);
      return 0;
    });
  }

  /** Closes everything, but for the ports that the builder made, and goes back to the 2-level ABI. */
  reset(): number {
    for (let port = 1; port < MAX_PORTS; port++) if (this.#state(port) !== PortState.free) this.close(port);
    this.#locked(() => {
      this.#tables.fifo = false;
      this.#tables.fifoPages.fill(0);
      for (let vcpu = 0; vcpu < this.#vcpus; vcpu++) this.#tables.setVcpu(vcpu, Vcpu.FIFO_CONTROL, 0);
    });
    return 0;
  }

  setPriority(port: number, priority: number): number {
    if (!this.#tables.fifo) return -Errno.ENOSYS;
    if (priority < 0 || priority > EventFifo.EVTCHN_FIFO_PRIORITY_MIN || this.#state(port) === PortState.free) return -Errno.EINVAL;
    this.#locked(() => this.#tables.setPort(port, Port.PRIORITY, priority));
    return 0;
  }

  /** Takes the FIFO control block of a vCPU; the first call changes the ABI. Returns 0 or a negative errno. */
  initControl(vcpu: number, gfn: number, offset: number): number {
    if (!this.#hasVcpu(vcpu)) return -Errno.ENOENT;
    return this.#locked(() => {
      const page = this.#pageAt(gfn);
      if (page < 0) return -Errno.EINVAL;
      const result = this.#fifo.setControl(vcpu, page, offset);
      if (result === 0 && !this.#tables.fifo) this.#changeToFifo();
      return result;
    });
  }

  /** Takes one more page of FIFO event words; 0 or a negative errno. */
  expandArray(gfn: number): number {
    if (!this.#tables.fifo) return -Errno.ENOSYS;
    return this.#locked(() => {
      const page = this.#pageAt(gfn);
      return page < 0 ? -Errno.EINVAL : this.#fifo.addPage(page);
    });
  }

  isPending(port: number): boolean {
    return port > 0 && port < MAX_PORTS && this.#abi.isPending(port);
  }

  isMasked(port: number): boolean {
    return this.#abi.isMasked(port);
  }

  get #abi(): EventAbi {
    return this.#tables.fifo ? this.#fifo : this.#twoLevel;
  }

  #changeToFifo(): void {
    for (let port = 1; port < MAX_PORTS; port++) {
      if (this.#state(port) === PortState.free) continue;
      this.#tables.setPort(port, Port.PENDING, this.#twoLevel.isPending(port) ? 1 : 0);
    }
    this.#tables.fifo = true;
  }

  #pend(port: number): void {
    this.#abi.setPending(port);
    this.#upcall.wakePoller(this.#tables.port(port, Port.VCPU));
  }

  /** The lowest free port; port 0 is never given. */
  #allocate(state: number, facts: { remoteDomid?: number; remotePort?: number; vcpu?: number }): number {
    const limit = this.#tables.fifo ? MAX_PORTS : Math.min(MAX_PORTS, this.#upcall.layout.ports);
    for (let port = 1; port < limit; port++) {
      if (this.#state(port) !== PortState.free) continue;
      const record = [state, facts.vcpu ?? 0, facts.remoteDomid ?? 0, facts.remotePort ?? 0, EventFifo.EVTCHN_FIFO_PRIORITY_DEFAULT];
      // LAST_VCPU and LAST_PRIORITY stay: the port may still be the tail of the queue it was in.
      record.forEach((value, word) => this.#tables.setPort(port, word, value));
      this.#tables.setPort(port, Port.PENDING, 0);
      return port;
    }
    return -Errno.ENOSPC;
  }

  #free(port: number): void {
    this.#abi.clearPending(port);
    this.#tables.setPort(port, Port.STATE, PortState.free);
    this.#tables.setPort(port, Port.VCPU, 0);
  }

  #state(port: number): number {
    return port > 0 && port < MAX_PORTS ? this.#tables.port(port, Port.STATE) : PortState.free;
  }

  #statusOf(port: number): PortStatus {
    const word = (index: number): number => this.#tables.port(port, index);
    return { state: this.#state(port), vcpu: word(Port.VCPU), remoteDomid: word(Port.REMOTE_DOMID), remotePort: word(Port.REMOTE_PORT) };
  }

  #pageAt(gfn: number): number {
    return this.#physmap.isRam(gfn) ? this.#physmap.address(gfn) : -1;
  }

  #resolve(domid: number): number {
    return domid === Domid.DOMID_SELF ? this.domid : domid;
  }

  #hasVcpu(vcpu: number): boolean {
    return vcpu >= 0 && vcpu < this.#vcpus;
  }

  #locked<T>(section: () => T): T {
    return this.#tables.lock.with(section);
  }
}
