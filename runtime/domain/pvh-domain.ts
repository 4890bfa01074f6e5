import { HvmParam, ShutdownReason, type Timer, type TimerFactory, VcpuInfo } from '#sdk';
import type { HypercallDomain, HypercallVcpu, MapRange } from '../hypercall/hypercall-domain.ts';
import { writeTimeInfo, writeWallclock } from '../time/pv-clock.ts';
import type { DomainState } from './domain-state.ts';

const VECTOR_SHIFT = 56n;
const VIA_VECTOR = 2;

/** What a PVH domain is made of. */
export interface PvhDomainParts {
  readonly state: DomainState;
  readonly uuid: Uint8Array;
  readonly memoryMap: readonly MapRange[];
  readonly timers: TimerFactory;
  /** This is the thread of vCPU 0. */
  readonly isFirst: boolean;
  /** Time of day, in nanoseconds since 1970, at which the domain's time was 0. */
  readonly startNs: bigint;
  now(): number;
  consoleWrite(byte: number): void;
  shutdown(reason: number): void;
}

/** A PVH domain on the thread that runs its vCPU: what hypercalls need beside the shared state. */
export class PvhDomain implements HypercallDomain {
  readonly state: DomainState;
  readonly uuid: Uint8Array;
  readonly memoryMap: readonly MapRange[];
  readonly vcpus: HypercallVcpu[] = [];
  readonly #parts: PvhDomainParts;
  readonly #watchdogs = new Map<number, Timer>();

  constructor(parts: PvhDomainParts) {
    this.#parts = parts;
    this.state = parts.state;
    this.uuid = parts.uuid;
    this.memoryMap = parts.memoryMap;
    if (parts.isFirst) this.#writeTimes();
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
    this.#watchdogs.get(id)?.cancel();
    this.#watchdogs.delete(id);
    if (seconds === 0) return;
    const timer = this.#parts.timers.create(() => this.shutdown(ShutdownReason.SHUTDOWN_watchdog));
    timer.arm(this.now() + seconds * 1e9);
    this.#watchdogs.set(id, timer);
  }

  #writeTimes(): void {
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
