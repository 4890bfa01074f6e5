import type { AccessSize, BusDevice } from '#sdk';
import { ApicBase, type MsrValue } from './apic/apic-base.ts';
import { type ApicTarget, deliveryMode, type InterruptMessage } from './apic/apic-bus.ts';
import { type ApicAddress, destinationMatches, x2apicLogicalId } from './apic/apic-destination.ts';
import { decodeIpi, ipiShorthand } from './apic/ipi.ts';
import type { LapicDeps } from './apic/lapic-parts.ts';
import { LapicTimer } from './apic/lapic-timer.ts';
import { lapicRegister, x2apicReadable, x2apicWritable } from './apic/lapic-registers.ts';
import { LapicVectors } from './apic/lapic-vectors.ts';
import { LocalVectorTable } from './apic/local-vector-table.ts';
import type { Movable, StateWords } from '../machine/state-words.ts';

export type { LapicCpu, LapicDeps } from './apic/lapic-parts.ts';

const MSR_APIC_BASE = 0x1b;
const MSR_TSC_DEADLINE = 0x6e0;
const MSR_X2APIC = 0x800;

/** Version 14h with six LVT entries. */
const VERSION = 0x0005_0014;
const SVR_ENABLED = 1 << 8;
const LVT_MASKED = 1 << 16;
const ICR_PENDING = 1 << 12;
const SPURIOUS_RESET = 0xff;
const ERROR = { sendVector: 0x20, receiveVector: 0x40, register: 0x80 } as const;

/**
 * A local APIC (SDM vol 3, chapter 11): its MMIO page, and its MSRs in x2APIC mode. The processor
 * asks `hasInterrupt` and acknowledges; interrupts reach it over the APIC bus.
 */
export class Lapic implements BusDevice, ApicTarget, Movable {
  readonly id: number;
  /** The timer, for who changes the time-stamp counter. */
  readonly timer: LapicTimer;
  readonly #deps: LapicDeps;
  readonly #vectors = new LapicVectors();
  readonly #base: ApicBase;
  #ldr = 0;
  #dfr = 0xffff_ffff;
  #svr = SPURIOUS_RESET;
  #icrLow = 0;
  #icrHigh = 0;
  #errors = 0;
  #errorStatus = 0;
  readonly #lvt = new LocalVectorTable();
  #lint0 = false;
  #lint1 = false;
  #nmi = false;

  constructor(deps: LapicDeps) {
    this.id = deps.id;
    this.#deps = deps;
    this.#base = new ApicBase(deps.id === 0);
    this.timer = new LapicTimer({
      clock: deps.clock,
      timers: deps.timers,
      tscHz: deps.tscHz,
      expire: () => this.#localInterrupt(lapicRegister.lvtTimer),
    });
    this.reset();
    deps.bus.addTarget(this);
  }

  /** State after power-up or INIT; the base MSR stays. */
  reset(): void {
    this.#vectors.reset();
    this.#ldr = 0;
    this.#dfr = 0xffff_ffff;
    this.#svr = SPURIOUS_RESET;
    this.#icrLow = 0;
    this.#icrHigh = 0;
    this.#errors = 0;
    this.#errorStatus = 0;
    this.#nmi = false;
    this.#lvt.reset();
    this.timer.reset();
    this.#deps.cpu.addressChanged?.();
  }

  save(into: StateWords): void {
    for (const part of [this.#base, this.#vectors, this.#lvt, this.timer]) part.save(into);
    into.put(this.#ldr, this.#dfr, this.#svr, this.#icrLow, this.#icrHigh, this.#errors, this.#errorStatus);
    into.putFlag(this.#nmi);
  }

  /** The levels of its two pins are the board's. */
  load(from: StateWords): void {
    for (const part of [this.#base, this.#vectors, this.#lvt, this.timer]) part.load(from);
    this.#ldr = from.get();
    this.#dfr = from.get();
    this.#svr = from.get();
    this.#icrLow = from.get();
    this.#icrHigh = from.get();
    this.#errors = from.get();
    this.#errorStatus = from.get();
    this.#nmi = from.getFlag();
    this.#deps.cpu.baseChanged(this.#base.mmioAddress);
  }

  /** Whether a fixed interrupt is above the processor's priority. */
  hasInterrupt(): boolean {
    return this.#vectors.ready >= 0;
  }

  /** Takes the interrupt for the processor: its vector, or the spurious one when it has gone. */
  acknowledgeInterrupt(): number {
    const vector = this.#vectors.take();
    return vector < 0 ? this.#svr & 0xff : vector;
  }

  /** Whether the 8259A pair, at LINT0, reaches the processor. */
  acceptsExtInt(): boolean {
    return !this.#base.enabled || !(this.#svr & SVR_ENABLED) || this.lint0Delivers(deliveryMode.extInt);
  }

  /** Whether a non-maskable interrupt waits. */
  get nmiPending(): boolean {
    return this.#nmi;
  }

  /** Whether LINT0, and so the 8259A pair, is let in with a delivery mode. */
  lint0Delivers(mode: number): boolean {
    return (this.#lvt.entry(lapicRegister.lvtLint0) & (LVT_MASKED | 0x700)) === mode << 8;
  }

  /** The processor takes the non-maskable interrupt. */
  acknowledgeNmi(): void {
    this.#nmi = false;
  }

  /** Task priority as CR8 shows it. */
  get taskPriority(): number {
    return this.#vectors.taskPriority >> 4;
  }

  set taskPriority(cr8: number) {
    this.#setTaskPriority((cr8 & 15) << 4);
  }

  /** Drives LINT0; an ExtINT there is the board's business, anything else is an edge. */
  setLint0(level: boolean): void {
    const rises = level && !this.#lint0;
    this.#lint0 = level;
    if (rises) this.#localInterrupt(lapicRegister.lvtLint0);
  }

  /** Drives LINT1, the NMI pin of a switched-off APIC. */
  setLint1(level: boolean): void {
    const rises = level && !this.#lint1;
    this.#lint1 = level;
    if (!rises) return;
    if (this.#base.enabled) this.#localInterrupt(lapicRegister.lvtLint1);
    else this.#raiseNmi();
  }

  /** What messages find it by, for APICs on other threads. */
  get address(): ApicAddress & { readonly enabled: boolean; readonly softwareEnabled: boolean } {
    const { enabled, x2apic } = this.#base;
    const softwareEnabled = (this.#svr & SVR_ENABLED) !== 0;
    return { id: this.id, enabled, x2apic, softwareEnabled, logicalDestination: this.#logicalId(), destinationFormat: this.#dfr };
  }

  matches(message: InterruptMessage): boolean {
    return this.#base.enabled && destinationMatches(message, this.address);
  }

  arbitrationPriority(): number | null {
    return this.#svr & SVR_ENABLED ? this.#vectors.processorPriority() : null;
  }

  receive(message: InterruptMessage): boolean {
    if (!this.#base.enabled) return false;
    switch (message.mode) {
      case deliveryMode.fixed:
      case deliveryMode.lowestPriority:
        if (!(this.#svr & SVR_ENABLED)) return false;
        this.#accept(message.vector, message.level);
        return true;
      case deliveryMode.nmi:
        this.#raiseNmi();
        return true;
      case deliveryMode.init:
        this.reset();
        this.#deps.cpu.init();
        return true;
      case deliveryMode.startup:
        this.#deps.cpu.startup(message.vector);
        return true;
      default:
        return false;
    }
  }

  read(offset: number, size: AccessSize): number {
    const value = this.#readRegister(offset >> 4);
    // Only the first 4 of every 16 bytes are a register.
    const shifted = (offset & 15) < 4 ? value >>> (8 * (offset & 3)) : 0;
    return size === 4 ? shifted : shifted & ((1 << (8 * size)) - 1);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size === 4 && (offset & 15) === 0 && offset >> 4 !== lapicRegister.selfIpi) this.#writeRegister(offset >> 4, value >>> 0);
  }

  /** Reads an MSR of the APIC; null when the guest gets #GP or the MSR is another's. */
  readMsr(index: number): MsrValue | null {
    if (index === MSR_APIC_BASE) return this.#base.read();
    if (index === MSR_TSC_DEADLINE) return this.timer.deadline;
    const register = index - MSR_X2APIC;
    if (!this.#base.x2apic || !x2apicReadable.has(register)) return null;
    return { low: this.#readRegister(register) >>> 0, high: register === lapicRegister.icrLow ? this.#icrHigh : 0 };
  }

  /** Writes an MSR of the APIC; false when the guest gets #GP or the MSR is another's. */
  writeMsr(index: number, low: number, high: number): boolean {
    if (index === MSR_APIC_BASE) return this.#writeBase(low >>> 0, high >>> 0);
    if (index === MSR_TSC_DEADLINE) {
      this.timer.setDeadline(low, high);
      return true;
    }
    const register = index - MSR_X2APIC;
    const writable = x2apicWritable.get(register);
    if (!this.#base.x2apic || writable === undefined || (low & ~writable) !== 0) return false;
    if (register === lapicRegister.icrLow) this.#icrHigh = high >>> 0;
    else if (high !== 0) return false;
    this.#writeRegister(register, low >>> 0);
    return true;
  }

  #readRegister(index: number): number {
    const register = lapicRegister;
    const set = index >> 3 === 2 ? this.#vectors.inService : index >> 3 === 3 ? this.#vectors.level : index >> 3 === 4 ? this.#vectors.requested : null;
    if (set !== null) return set.word(index & 7);
    if (this.#lvt.has(index)) return this.#lvt.entry(index);
    switch (index) {
      case register.id:
        return this.#base.x2apic ? this.id : this.id << 24;
      case register.version:
        return VERSION;
      case register.tpr:
        return this.#vectors.taskPriority;
      case register.apr:
      case register.ppr:
        return this.#vectors.processorPriority();
      case register.ldr:
        return this.#logicalId();
      case register.dfr:
        return this.#dfr;
      case register.svr:
        return this.#svr;
      case register.esr:
        return this.#errorStatus;
      case register.icrLow:
        return this.#icrLow;
      case register.icrHigh:
        return this.#icrHigh;
      case register.timerInitial:
        return this.timer.initialCount;
      case register.timerCurrent:
        return this.timer.currentCount();
      case register.timerDivide:
        return this.timer.divideConfig;
      default:
        this.#error(ERROR.register);
        return 0;
    }
  }

  #writeRegister(index: number, value: number): void {
    const register = lapicRegister;
    if (this.#lvt.has(index)) {
      this.#writeLvt(index, value);
      return;
    }
    switch (index) {
      case register.tpr:
        this.#setTaskPriority(value);
        return;
      case register.eoi:
        this.#endOfInterrupt();
        return;
      case register.ldr:
        this.#ldr = (value & 0xff00_0000) >>> 0;
        this.#deps.cpu.addressChanged?.();
        return;
      case register.dfr:
        this.#dfr = (value | 0x0fff_ffff) >>> 0;
        this.#deps.cpu.addressChanged?.();
        return;
      case register.svr:
        this.#writeSpurious(value);
        return;
      case register.esr:
        this.#errorStatus = this.#errors;
        this.#errors = 0;
        return;
      case register.icrLow:
        this.#icrLow = value & ~ICR_PENDING;
        this.#sendIpi();
        return;
      case register.icrHigh:
        this.#icrHigh = value & 0xff00_0000;
        return;
      case register.timerInitial:
        this.timer.initialCount = value;
        return;
      case register.timerDivide:
        this.timer.divideConfig = value;
        return;
      case register.selfIpi:
        this.#accept(value & 0xff, false);
        return;
      default:
        if (!x2apicReadable.has(index)) this.#error(ERROR.register);
    }
  }

  #writeLvt(index: number, value: number): void {
    const entry = this.#lvt.write(index, value, (this.#svr & SVR_ENABLED) !== 0);
    if (index === lapicRegister.lvtTimer) this.timer.configure(entry);
    // A request that waits at LINT0 may just have been let in.
    if (index === lapicRegister.lvtLint0 && this.#lint0) this.#deps.cpu.interruptChanged();
  }

  #writeSpurious(value: number): void {
    this.#svr = value & 0x3ff;
    this.#deps.cpu.addressChanged?.();
    if (!(value & SVR_ENABLED)) {
      for (const index of lapicRegister.lvts) this.#writeLvt(index, this.#lvt.entry(index));
    }
    this.#deps.cpu.interruptChanged();
  }

  #localInterrupt(index: number): void {
    const lvt = this.#lvt.entry(index);
    if (lvt & LVT_MASKED) return;
    const mode = (lvt >> 8) & 7;
    if (mode === deliveryMode.fixed) this.#accept(lvt & 0xff, false);
    else if (mode === deliveryMode.nmi) this.#raiseNmi();
  }

  #accept(vector: number, level: boolean): void {
    if (vector < 16) {
      this.#error(ERROR.receiveVector);
      return;
    }
    this.#vectors.request(vector, level);
    this.#notify();
  }

  #endOfInterrupt(): void {
    const vector = this.#vectors.end();
    if (vector < 0) return;
    this.#notify();
    if (this.#vectors.level.has(vector)) this.#deps.bus.endOfInterrupt(vector);
  }

  #setTaskPriority(value: number): void {
    this.#vectors.taskPriority = value;
    this.#notify();
  }

  #notify(): void {
    if (this.#vectors.ready >= 0) this.#deps.cpu.interruptChanged();
  }

  #sendIpi(): void {
    const ipi = decodeIpi({ low: this.#icrLow, high: this.#icrHigh, wide: this.#base.x2apic });
    if (ipi === 'nothing') return;
    if (ipi === 'illegal') this.#error(ERROR.sendVector);
    else if (ipi.shorthand === ipiShorthand.self) this.receive(ipi.message);
    else if (ipi.shorthand === ipiShorthand.all) this.#deps.bus.broadcast(ipi.message);
    else if (ipi.shorthand === ipiShorthand.others) this.#deps.bus.broadcast(ipi.message, this);
    else this.#deps.bus.send(ipi.message);
  }

  #error(bit: number): void {
    this.#errors |= bit;
    // An illegal vector in the error entry itself must not go round for ever.
    const lvt = this.#lvt.entry(lapicRegister.lvtError);
    if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= 16) this.#localInterrupt(lapicRegister.lvtError);
  }

  #raiseNmi(): void {
    this.#nmi = true;
    this.#deps.cpu.interruptChanged();
  }

  #logicalId(): number {
    return this.#base.x2apic ? x2apicLogicalId(this.id) : this.#ldr;
  }

  #writeBase(low: number, high: number): boolean {
    if (!this.#base.write(low, high)) return false;
    if (!this.#base.enabled) this.reset();
    this.#deps.cpu.baseChanged(this.#base.mmioAddress);
    this.#deps.cpu.addressChanged?.();
    return true;
  }
}
