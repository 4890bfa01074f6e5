import type { Timer } from '#sdk';
import type { DomainState } from '../domain/domain-state.ts';
import type { RunstateClock } from '../time/runstate.ts';

/** What a vCPU waits for when it gave itself up. */
export type VcpuWait = { readonly kind: 'block' } | { readonly kind: 'poll'; readonly ports: readonly number[]; readonly timeoutNs: number | null };

/** A vCPU as hypercalls see it. */
export interface HypercallVcpu {
  readonly id: number;
  readonly runstate: Pick<RunstateClock, 'image' | 'register' | 'updateFlag'>;
  /** Raises VIRQ_TIMER. */
  readonly singleshot: Timer;
  readonly periodic: { start(periodNs: number): void; stop(): void };
  /** Gives the rest of the slice to others. */
  yield(): void;
  /** Stops until what it waits for has come. */
  wait(wait: VcpuWait): void;
  /** An NMI. */
  sendNmi(): void;
  /** Goes away until another vCPU brings it up. */
  down(): void;
  /** Comes back where it went away. */
  up(): void;
}

/** One range of a domain's memory map. */
export interface MapRange {
  readonly base: number;
  readonly length: number;
  readonly type: number;
}

/** A domain as hypercalls see it, on the thread of the vCPU that calls. */
export interface HypercallDomain {
  readonly state: DomainState;
  readonly vcpus: readonly HypercallVcpu[];
  readonly uuid: Uint8Array;
  readonly memoryMap: readonly MapRange[];
  /** The domain's time in nanoseconds. */
  now(): number;
  /** Another domain, for copies between granted pages. */
  find(domid: number): DomainState | undefined;
  /** Emergency output of the guest. */
  consoleWrite(byte: number): void;
  /** The guest ends itself, for a `SHUTDOWN_` reason. */
  shutdown(reason: number): void;
  /** The shared info page has the layout of this width from now on. */
  latchLayout(wordBits: 32 | 64): void;
  /** Writes the time into a `vcpu_time_info`. */
  writeTime(address: number): void;
  /** Arms watchdog `id` (1 or 2); 0 seconds disarms it. */
  setWatchdog(id: number, seconds: number): void;
  /** The watchdogs in use. */
  readonly watchdogs: ReadonlySet<number>;
}
