import { EventFifo, HvmParam, Virq } from '#sdk';
import { DomainLock } from './domain-lock.ts';

/** Event channels that a domain can have. */
export const MAX_PORTS = 4096;
/** vCPUs that a domain can have. */
export const MAX_VCPUS = 32;
/** Pages of grant entries that a domain can have, and how many it begins with. */
export const MAX_GRANT_FRAMES = 64;
export const FIRST_GRANT_FRAMES = 1;
/** Entries of a grant frame. */
export const GRANTS_PER_FRAME = 512;
/** Pages behind the RAM that the hypervisor lends a domain. */
export const LENT_PAGES = 128;
const EVENTS_PER_PAGE = 1024;

/** Words of an event channel's record. */
export const Port = { STATE: 0, VCPU: 1, REMOTE_DOMID: 2, REMOTE_PORT: 3, PRIORITY: 4, LAST_VCPU: 5, LAST_PRIORITY: 6, PENDING: 7, WORDS: 8 } as const;

/** Words of a vCPU's record. */
export const Vcpu = {
  /** Address of `vcpu_info`, or 0: it is in the shared info page. */
  INFO: 0,
  /** Vector of `HVMOP_set_evtchn_upcall_vector`, or 0. */
  UPCALL_VECTOR: 1,
  UP: 2,
  /** The vCPU waits in `SCHEDOP_poll`: every event is to wake it. */
  POLLING: 3,
  /** An upcall has become pending since the vCPU's thread looked. */
  KICKED: 4,
  /** Address of the FIFO control block, or 0. */
  FIFO_CONTROL: 5,
  FIFO_TAILS: 8,
  VIRQ_PORTS: 8 + EventFifo.EVTCHN_FIFO_MAX_QUEUES,
  /** Messages of other vCPUs, see `VcpuMailbox`: 256 interrupt vectors, what else came, and what starts or stops it. */
  VECTORS: 48,
  SIGNALS: 56,
  START: 57,
  /** How its local APIC is addressed. */
  APIC_MODE: 58,
  APIC_LOGICAL: 59,
  APIC_FORMAT: 60,
  PERIOD_LOW: 61,
  PERIOD_HIGH: 62,
  /** It has been started once. */
  INITIALISED: 63,
  WORDS: 64,
} as const;

/** Words about the domain as a whole. */
const Head = { LOCK: 0, WORD_BITS: 1, FIFO: 2, GRANT_FRAMES: 3, MAP_EPOCH: 4, CALLBACK_VECTOR: 5, WORDS: 16 } as const;

const sizes = {
  head: Head.WORDS * 4,
  params: HvmParam.HVM_NR_PARAMS * 8,
  ports: MAX_PORTS * Port.WORDS * 4,
  vcpus: MAX_VCPUS * Vcpu.WORDS * 4,
  fifoPages: (MAX_PORTS / EVENTS_PER_PAGE) * 4,
  lentGfns: LENT_PAGES * 4,
  grantUse: MAX_GRANT_FRAMES * GRANTS_PER_FRAME * 4,
} as const;

/**
 * What hypercalls change, in memory that all threads of the domain share. Each thread makes an object like this over the
 * same buffer. All of it belongs to whoever holds the lock, but for single words that are said to be atomic.
 */
export class DomainTables {
  readonly buffer: SharedArrayBuffer;
  readonly lock: DomainLock;
  /** {@link HvmParam} values. */
  readonly params: BigUint64Array;
  /** {@link Port} records. */
  readonly ports: Int32Array;
  /** {@link Vcpu} records; KICKED and POLLING are atomic. */
  readonly vcpus: Int32Array;
  /** Addresses of the pages of the FIFO event array, 0 = not given yet. */
  readonly fifoPages: Int32Array;
  /** Guest frame at which each lent page is, -1 = none. */
  readonly lentGfns: Int32Array;
  /** How often each grant is mapped: readers in the low half, writers in the high half. */
  readonly grantUse: Int32Array;
  /** Bit per frame of RAM that the guest has given back. */
  readonly released: Int32Array;
  readonly #head: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    let at = 0;
    const words = (bytes: number): Int32Array => {
      const array = new Int32Array(buffer, at, bytes / 4);
      at += bytes;
      return array;
    };
    this.#head = words(sizes.head);
    this.params = new BigUint64Array(buffer, at, HvmParam.HVM_NR_PARAMS);
    at += sizes.params;
    this.ports = words(sizes.ports);
    this.vcpus = words(sizes.vcpus);
    this.fifoPages = words(sizes.fifoPages);
    this.lentGfns = words(sizes.lentGfns);
    this.grantUse = words(sizes.grantUse);
    this.released = words(buffer.byteLength - at);
    this.lock = new DomainLock(this.#head, Head.LOCK);
  }

  /** Makes the tables of a new domain. */
  static create(ramBytes: number): DomainTables {
    const fixed = Object.values(sizes).reduce((sum, size) => sum + size, 0);
    const bitmap = Math.ceil(ramBytes / 4096 / 32) * 4;
    const tables = new DomainTables(new SharedArrayBuffer(fixed + bitmap));
    tables.lentGfns.fill(-1);
    tables.wordBits = 64;
    tables.grantFrames = FIRST_GRANT_FRAMES;
    for (let vcpu = 0; vcpu < MAX_VCPUS; vcpu++) for (let virq = 0; virq < Virq.NR_VIRQS; virq++) tables.setVcpu(vcpu, Vcpu.VIRQ_PORTS + virq, 0);
    return tables;
  }

  /** Whether the shared info page has the layout of 32-bit or 64-bit guests. */
  get wordBits(): 32 | 64 {
    return this.#head[Head.WORD_BITS] === 32 ? 32 : 64;
  }
  set wordBits(bits: 32 | 64) {
    this.#head[Head.WORD_BITS] = bits;
  }

  /** Whether the FIFO ABI is in use. */
  get fifo(): boolean {
    return this.#head[Head.FIFO] === 1;
  }
  set fifo(on: boolean) {
    this.#head[Head.FIFO] = on ? 1 : 0;
  }

  /** Pages that the grant table has now. */
  get grantFrames(): number {
    return this.#head[Head.GRANT_FRAMES] ?? 0;
  }
  set grantFrames(count: number) {
    this.#head[Head.GRANT_FRAMES] = count;
  }

  /** Vector of the upcall for all vCPUs, or 0. */
  get callbackVector(): number {
    return this.#head[Head.CALLBACK_VECTOR] ?? 0;
  }
  set callbackVector(vector: number) {
    this.#head[Head.CALLBACK_VECTOR] = vector;
  }

  /** Counts changes of the physmap. */
  get mapEpoch(): number {
    return Atomics.load(this.#head, Head.MAP_EPOCH);
  }

  /** Says that the physmap has changed. */
  advanceMap(): void {
    Atomics.add(this.#head, Head.MAP_EPOCH, 1);
  }

  port(port: number, word: number): number {
    return this.ports[port * Port.WORDS + word] ?? 0;
  }

  setPort(port: number, word: number, value: number): void {
    this.ports[port * Port.WORDS + word] = value;
  }

  vcpu(vcpu: number, word: number): number {
    return Atomics.load(this.vcpus, vcpu * Vcpu.WORDS + word);
  }

  setVcpu(vcpu: number, word: number, value: number): void {
    Atomics.store(this.vcpus, vcpu * Vcpu.WORDS + word, value);
  }

  /** Sets a word of a vCPU to 0 and returns what it was. */
  takeVcpu(vcpu: number, word: number): number {
    return Atomics.exchange(this.vcpus, vcpu * Vcpu.WORDS + word, 0);
  }
}
