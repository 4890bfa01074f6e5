import { HvmParam, ShutdownReason, VcpuInfo } from '#sdk';
import type { HypercallDomain, HypercallVcpu, MapRange } from '../hypercall/hypercall-domain.ts';
import type { Movable, StateWords } from '../machine/state-words.ts';
import type { QueuedTimer, QueuedTimerFactory } from '../platform/timer-queue.ts';
import { writeTimeInfo, writeWallclock } from '../time/pv-clock.ts';
import type { DomainState } from './domain-state.ts';

const VECTOR_SHIFT = 56n;
const VIA_VECTOR = 2;

/** What a PVH domain is made of. */
export interface PvhDomainParts {
  readonly state: DomainState;
  readonly uuid: Uint8Array;
  readonly memoryMap: readonly MapRange[];
  readonly timers: QueuedTimerFactory;
  /** Time of day, in nanoseconds since 1970, at which the domain's time was 0. */
  readonly startNs: bigint;
  now(): number;
  consoleWrite(byte: number): void;
  shutdown(reason: number): void;
}

/** A PVH domain on the thread that runs its vCPU: what hypercalls need beside the shared state. */
export class PvhDomain implements HypercallDomain, Movable {
  readonly state: DomainState;
  readonly uuid: Uint8Array;
  readonly memoryMap: readonly MapRange[];
  readonly vcpus: HypercallVcpu[] = [];
  readonly #parts: PvhDomainParts;
  readonly #watchdogs = new Map<number, QueuedTimer>();

  constructor(parts: PvhDomainParts) {
    this.#parts = parts;
    this.state = parts.state;
    this.uuid = parts.uuid;
    this.memoryMap = parts.memoryMap;
  }

  get watchdogs(): ReadonlySet<number> {
    return new Set(this.#watchdogs.keys());
  }

  now(): number {
    return this.#parts.now();
  }

  /** Domains on other pCPUs are not reached yet: there is one per process. */
  find(): undefined {
    return undefined;
  }

  consoleWrite(byte: number): void {
    this.#parts.consoleWrite(byte);
  }

  shutdown(reason: number): void {
    this.#parts.shutdown(reason);
  }

  latchLayout(wordBits: 32 | 64): void {
    const { tables } = this.state;
    tables.wordBits = wordBits;
    const callback = tables.params[HvmParam.HVM_PARAM_CALLBACK_IRQ] ?? 0n;
    tables.callbackVector = Number(callback >> VECTOR_SHIFT) === VIA_VECTOR ? Number(callback & 0xffn) : 0;
    this.#writeWallclock();
  }

  writeTime(address: number): void {
    writeTimeInfo(this.state.ram, address);
  }

  setWatchdog(id: number, seconds: number): void {
    this.#armWatchdog(id, seconds === 0 ? null : this.now() + seconds * 1e9);
  }

  save(into: StateWords): void {
    into.put(this.#watchdogs.size);
    for (const [id, timer] of this.#watchdogs) {
      into.put(id);
      into.putMoment(timer.deadlineNs);
    }
  }

  load(from: StateWords): void {
    for (const id of [...this.#watchdogs.keys()]) this.#armWatchdog(id, null);
    for (let left = from.get(); left > 0; left--) {
      const id = from.get();
      this.#armWatchdog(id, from.getMoment());
    }
  }

  #armWatchdog(id: number, deadlineNs: number | null): void {
    this.#watchdogs.get(id)?.cancel();
    this.#watchdogs.delete(id);
    if (deadlineNs === null) return;
    const timer = this.#parts.timers.create(() => this.shutdown(ShutdownReason.SHUTDOWN_watchdog));
    timer.arm(deadlineNs);
    this.#watchdogs.set(id, timer);
  }

  /** The domain begins: its guest is told of the time. */
  writeTimes(): void {
    const { ram, physmap, handle } = this.state;
    for (let vcpu = 0; vcpu < handle.vcpus; vcpu++) writeTimeInfo(ram, physmap.sharedInfo + vcpu * VcpuInfo.SIZE + VcpuInfo.time);
    this.#writeWallclock();
  }

  #writeWallclock(): void {
    const { ram, physmap, upcall } = this.state;
    const { wcVersion, wcSecHi } = upcall.layout;
    writeWallclock(ram, { address: physmap.sharedInfo, wcVersion, wcSecHi }, this.#parts.startNs);
  }
}
