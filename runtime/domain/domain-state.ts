import { Board, type BoardMemory, type BoardView, type SharedBytes, viewOfBoard } from '#jit';
import { EventChannels, type EventPeers } from '../event/event-channels.ts';
import { VcpuUpcall } from '../event/vcpu-upcall.ts';
import { GrantTable } from '../grant/grant-table.ts';
import { GuestRam } from '../memory/guest-ram.ts';
import { Physmap } from '../memory/physmap.ts';
import { DomainTables } from '../memory/domain-tables.ts';

/** A domain as plain data, to be sent to another thread that runs none of its vCPUs. */
export interface DomainView {
  readonly domid: number;
  readonly vcpus: number;
  readonly ramBytes: number;
  readonly ram: SharedBytes;
  readonly tables: SharedArrayBuffer;
  /** What the cores that run its vCPUs share. */
  readonly board: BoardView;
}

/** A domain as plain data, to be sent to a thread that runs vCPUs of it. */
export interface DomainHandle extends DomainView {
  readonly ram: WebAssembly.Memory;
  readonly board: BoardMemory;
}

/** A domain for threads that run none of its vCPUs: no WebAssembly memory is among it, each of which weighs on a thread's heap. */
export function viewOfDomain(handle: DomainHandle): DomainView {
  return { ...handle, ram: { buffer: handle.ram.buffer }, board: viewOfBoard(handle.board) };
}

/** What a thread does for the domain's state. */
export interface DomainThread {
  readonly peers: EventPeers;
  /** Has the thread of a vCPU look at its upcall. */
  kick(vcpu: number): void;
}

/**
 * What hypercalls and backends work on: one object per domain and thread, over memory that all threads share.
 * The tables' owner at any moment is who holds their lock.
 */
export class DomainState {
  readonly handle: DomainView;
  readonly domid: number;
  readonly tables: DomainTables;
  readonly ram: GuestRam;
  readonly physmap: Physmap;
  readonly upcall: VcpuUpcall;
  readonly events: EventChannels;
  readonly grants: GrantTable;

  constructor(handle: DomainView, thread: DomainThread) {
    const { domid, vcpus } = handle;
    this.handle = handle;
    this.domid = domid;
    this.tables = new DomainTables(handle.tables);
    this.ram = new GuestRam(handle.ram, handle.ramBytes);
    const { tables, ram } = this;
    const board = new Board(handle.board);
    // a thread that runs one of the cores has that core told instead
    ram.onWrite = (address, length) => board.wrote(address, length);
    this.physmap = new Physmap(tables, ram);
    const { physmap } = this;
    this.upcall = new VcpuUpcall(tables, ram, physmap, (vcpu) => thread.kick(vcpu));
    this.events = new EventChannels({ domid, vcpus, tables, ram, physmap, upcall: this.upcall, peers: thread.peers });
    this.grants = new GrantTable(tables, ram, physmap);
  }
}
