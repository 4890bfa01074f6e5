import { VCPU_RECORD_BYTES } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import type { EventPeers } from '../event/event-channels.ts';
import type { HypercallObserver } from '../hypercall/dispatch.ts';
import type { BootState } from '../loader/index.ts';
import type { MachineClock } from '../machine/clock.ts';
import type { CpuModel } from '../machine/cpu-models.ts';
import { StateWords } from '../machine/state-words.ts';
import type { DomainImage, StoreChannel } from './build-domain.ts';
import type { DomainCore } from './domain-core.ts';
import type { DomainHandle } from './domain-state.ts';

/** What a PVH domain is built from. */
export interface PvhMachineOptions extends DomainImage {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  /** Guest RAM in bytes; whole MiB. */
  readonly memoryBytes: number;
  readonly clock: 'host' | 'instructions';
  readonly cpu?: CpuModel;
  readonly domid?: number;
  /** 16 bytes; zeroes when left out. */
  readonly uuid?: Uint8Array;
  /** Takes what the guest writes to its console. */
  readonly consoleWrite: (byte: number) => void;
  /** The guest signalled a port whose other end is not on this thread. */
  readonly signal?: (port: number) => void;
  /** Told of each hypercall. */
  readonly onHypercall?: HypercallObserver;
  /** A domain that another thread has built; it serves the console too. */
  readonly built?: BuiltElsewhere;
}

/** A domain that was built on another thread. */
export interface BuiltElsewhere {
  readonly handle: DomainHandle;
  readonly boot: BootState;
  readonly console: { readonly port: number };
  readonly store: StoreChannel;
  /** Its time. */
  readonly clock: MachineClock;
  /** Time of day, in nanoseconds since 1970, at which that was 0. */
  readonly startNs: bigint;
  readonly peers: EventPeers;
  /** The vCPU to run; the others run on other threads. */
  readonly vcpu?: number;
  /** Has the thread of another vCPU look at its events and messages. */
  readonly kick?: (vcpu: number) => void;
  /** Where it comes to and goes from; without, it begins at once and stays. */
  readonly place?: VcpuPlace;
}

/** Where a vCPU is while it moves, and what it finds where it arrives. */
export interface VcpuPlace {
  /** Its registers. */
  readonly record: Uint8Array;
  /** What is around it. */
  readonly words: StateWords;
  /** The core of its domain on this thread, when there is one already. */
  readonly seat: DomainCore | undefined;
  /** The number of that core among those of the domain. */
  readonly core: number;
  /** Other threads want this one to look, beside what they want of the vCPU. */
  kicked(): void;
}

/** The place of a vCPU that stays. */
export const ownPlace = (core: number): VcpuPlace => ({
  record: new Uint8Array(VCPU_RECORD_BYTES),
  words: new StateWords(),
  seat: undefined,
  core,
  kicked: () => undefined,
});
