import { type DomainTables, Vcpu } from '../memory/domain-tables.ts';
import { deliveryMode, type InterruptMessage } from '../platform/apic/apic-bus.ts';
import type { ApicAddress } from '../platform/apic/apic-destination.ts';

/** Bits of {@link Vcpu.SIGNALS}. */
const Signal = { VECTORS: 1, NMI: 2, PERIODIC: 4, FLAG_ON: 8, FLAG_OFF: 16 } as const;
/** Bits of {@link Vcpu.START}; the vector of a start-up stands above. */
const Start = { INIT: 1, STARTUP: 2, UP: 4, DOWN: 8, VECTOR_SHIFT: 8 } as const;
/** Bits of {@link Vcpu.APIC_MODE}. */
const Mode = { ENABLED: 1, X2APIC: 2, SOFTWARE_ENABLED: 4 } as const;
const VECTOR_WORDS = 8;
const TWO_32 = 2 ** 32;

/** What a vCPU's thread does with what others have left for it. */
export interface MailboxReader {
  interrupt(vector: number): void;
  nmi(): void;
  /** Starts the periodic timer, or stops it: 0. */
  periodic(periodNs: number): void;
  /** Whether the guest wants to see that its runstate is being written. */
  updateFlag(on: boolean): void;
}

/** What changes whether a vCPU runs at all; done between slices. */
export interface StartReader {
  init(): void;
  startup(vector: number): void;
  up(): void;
  down(): void;
}

/** What the local APIC of a vCPU on another thread is addressed by. */
export interface PublishedApic extends ApicAddress {
  readonly enabled: boolean;
  /** It takes fixed interrupts. */
  readonly softwareEnabled: boolean;
}

/** Where the threads of a domain's vCPUs leave messages for each other. Whoever leaves one kicks the vCPU afterwards. */
export class VcpuMailbox {
  readonly #tables: DomainTables;
  readonly #vcpu: number;

  constructor(tables: DomainTables, vcpu: number) {
    this.#tables = tables;
    this.#vcpu = vcpu;
  }

  /** Leaves an interrupt message; false when it is of a kind that goes nowhere. */
  send({ mode, vector }: InterruptMessage): boolean {
    switch (mode) {
      case deliveryMode.fixed:
      case deliveryMode.lowestPriority:
        this.#or(Vcpu.VECTORS + (vector >>> 5), 1 << (vector & 31));
        this.#or(Vcpu.SIGNALS, Signal.VECTORS);
        return true;
      case deliveryMode.nmi:
        this.#or(Vcpu.SIGNALS, Signal.NMI);
        return true;
      case deliveryMode.init:
        // a start-up before it is void
        this.#tables.setVcpu(this.#vcpu, Vcpu.START, Start.INIT);
        return true;
      case deliveryMode.startup:
        this.#or(Vcpu.START, Start.STARTUP | (vector << Start.VECTOR_SHIFT));
        return true;
      default:
        return false;
    }
  }

  sendNmi(): void {
    this.#or(Vcpu.SIGNALS, Signal.NMI);
  }

  setPeriodic(periodNs: number): void {
    this.#tables.setVcpu(this.#vcpu, Vcpu.PERIOD_LOW, periodNs | 0);
    this.#tables.setVcpu(this.#vcpu, Vcpu.PERIOD_HIGH, Math.floor(periodNs / TWO_32) | 0);
    this.#or(Vcpu.SIGNALS, Signal.PERIODIC);
  }

  setUpdateFlag(on: boolean): void {
    this.#or(Vcpu.SIGNALS, on ? Signal.FLAG_ON : Signal.FLAG_OFF);
  }

  bringUp(): void {
    this.#or(Vcpu.START, Start.UP);
  }

  takeDown(): void {
    this.#or(Vcpu.START, Start.DOWN);
  }

  /** Takes everything that the vCPU may meet while it runs. */
  take(reader: MailboxReader): void {
    const tables = this.#tables;
    const vcpu = this.#vcpu;
    if (tables.vcpu(vcpu, Vcpu.SIGNALS) === 0) return;
    const signals = tables.takeVcpu(vcpu, Vcpu.SIGNALS);
    if (signals & Signal.VECTORS) {
      for (let word = 0; word < VECTOR_WORDS; word++) {
        for (let bits = tables.takeVcpu(vcpu, Vcpu.VECTORS + word); bits !== 0; bits &= bits - 1) reader.interrupt(word * 32 + (31 - Math.clz32(bits & -bits)));
      }
    }
    if (signals & Signal.NMI) reader.nmi();
    if (signals & (Signal.FLAG_ON | Signal.FLAG_OFF)) reader.updateFlag((signals & Signal.FLAG_ON) !== 0);
    if (signals & Signal.PERIODIC) {
      reader.periodic((tables.vcpu(vcpu, Vcpu.PERIOD_LOW) >>> 0) + (tables.vcpu(vcpu, Vcpu.PERIOD_HIGH) >>> 0) * TWO_32);
    }
  }

  /** Whether something waits that ends the slice. */
  get startWaits(): boolean {
    return this.#tables.vcpu(this.#vcpu, Vcpu.START) !== 0;
  }

  /** Takes what changes whether the vCPU runs. */
  takeStart(reader: StartReader): void {
    const start = this.#tables.takeVcpu(this.#vcpu, Vcpu.START);
    if (start & Start.DOWN) reader.down();
    if (start & Start.INIT) reader.init();
    if (start & Start.STARTUP) reader.startup((start >>> Start.VECTOR_SHIFT) & 0xff);
    if (start & Start.UP) reader.up();
  }

  /** The vCPU's thread: says how its local APIC is addressed now. */
  publish({ enabled, x2apic, softwareEnabled, logicalDestination, destinationFormat }: Omit<PublishedApic, 'id'>): void {
    const mode = (enabled ? Mode.ENABLED : 0) | (x2apic ? Mode.X2APIC : 0) | (softwareEnabled ? Mode.SOFTWARE_ENABLED : 0);
    this.#tables.setVcpu(this.#vcpu, Vcpu.APIC_LOGICAL, logicalDestination | 0);
    this.#tables.setVcpu(this.#vcpu, Vcpu.APIC_FORMAT, destinationFormat | 0);
    this.#tables.setVcpu(this.#vcpu, Vcpu.APIC_MODE, mode);
  }

  /** How the vCPU's local APIC is addressed. */
  apic(id: number): PublishedApic {
    const word = (index: number): number => this.#tables.vcpu(this.#vcpu, index) >>> 0;
    const mode = word(Vcpu.APIC_MODE);
    return {
      id,
      enabled: (mode & Mode.ENABLED) !== 0,
      x2apic: (mode & Mode.X2APIC) !== 0,
      softwareEnabled: (mode & Mode.SOFTWARE_ENABLED) !== 0,
      logicalDestination: word(Vcpu.APIC_LOGICAL),
      destinationFormat: word(Vcpu.APIC_FORMAT),
    };
  }

  #or(word: number, bits: number): void {
    Atomics.or(this.#tables.vcpus, this.#vcpu * Vcpu.WORDS + word, bits);
  }
}
