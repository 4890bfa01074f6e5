import type { VirtualClock } from '#sdk';
import type { QueuedTimerFactory } from '../timer-queue.ts';
import type { ApicBus } from './apic-bus.ts';

/** What a local APIC needs from its processor and the board. */
export interface LapicDeps {
  readonly id: number;
  readonly clock: VirtualClock;
  readonly timers: QueuedTimerFactory;
  readonly tscHz: number;
  readonly bus: ApicBus;
  readonly cpu: LapicCpu;
}

/** The processor of a local APIC. */
export interface LapicCpu {
  /** An interrupt or NMI may now want delivery. */
  interruptChanged(): void;
  /** An INIT arrived: reset the processor and, unless it is the first, wait for a start-up. */
  init(): void;
  /** A start-up IPI arrived: begin at `vector` * 4096 in real mode. */
  startup(vector: number): void;
  /** The registers moved or went away (null): the APIC base MSR changed. */
  baseChanged(address: number | null): void;
  /** What messages find the APIC by has changed. */
  addressChanged?(): void;
}
