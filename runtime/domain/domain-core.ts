import type { InterpreterIndex } from '#jit/interpreter';
import * as L from '#jit/layout';
import { VCPU_RECORD_BYTES, VcpuCore, type VcpuHost } from '#jit';
import type { DomainHandle, DomainState } from './domain-state.ts';
import { writePhysmap } from './write-physmap.ts';

/** A vCPU, as the core that it sits on sees it. */
export interface CoreUser {
  readonly host: VcpuHost;
  /** Where its registers are while it does not sit there. */
  readonly record: Uint8Array;
}

/** What a core is made of. */
export interface DomainCoreParts {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly handle: DomainHandle;
  readonly state: DomainState;
  /** Its number among those of the domain. */
  readonly core: number;
}

/**
 * The core of a domain on one thread. Its vCPUs that come to the thread sit there one after the other, with one cache of
 * code; the registers of the others are in their records.
 */
export class DomainCore {
  readonly core: VcpuCore;
  readonly #state: DomainState;
  readonly #pristine = new Uint8Array(VCPU_RECORD_BYTES);
  #user: CoreUser | undefined;
  #mapEpoch = -1;

  constructor({ module, index, handle, state, core }: DomainCoreParts) {
    this.#state = state;
    const place = { board: handle.board, core };
    this.core = new VcpuCore(module, index, handle.ram, handle.ram.buffer.byteLength, this.#host(), place);
    this.core.saveVcpu(this.#pristine);
    this.publishMap();
  }

  /** Whether a vCPU sits there. */
  isOn(user: CoreUser): boolean {
    return this.#user === user;
  }

  /** Has a vCPU sit there; the registers of who sat there before go to its record. */
  sit(user: CoreUser): void {
    if (this.#user === user) return;
    if (this.#user !== undefined) this.core.saveVcpu(this.#user.record);
    this.#user = user;
    this.core.loadVcpu(user.record);
  }

  /** Has a vCPU sit there as it is after power-up. */
  begin(user: CoreUser): void {
    this.leave(user);
    user.record.set(this.#pristine);
    this.sit(user);
  }

  /** What is there of a vCPU counts no longer: its record does. */
  leave(user: CoreUser): void {
    if (this.#user === user) this.#user = undefined;
  }

  /** Tells address translation what lies outside RAM, when that has changed; whether it had. */
  publishMap(): boolean {
    const { tables, physmap, handle } = this.#state;
    const epoch = tables.mapEpoch;
    if (epoch === this.#mapEpoch) return false;
    this.#mapEpoch = epoch;
    writePhysmap(this.core.view, physmap, handle.ramBytes);
    this.core.exports.flushTlb(1);
    return true;
  }

  /** Hot path: each exit of the vCPU that sits there. */
  #host(): VcpuHost {
    const host = (): VcpuHost => {
      if (this.#user === undefined) throw new Error('no vCPU sits on the core');
      return this.#user.host;
    };
    return {
      portIn: (port, size) => host().portIn(port, size),
      portOut: (port, size, value) => host().portOut(port, size, value),
      mmioRead: (physical, size) => host().mmioRead(physical, size),
      mmioWrite: (physical, size, value) => host().mmioWrite(physical, size, value),
      cpuid: (leaf, subleaf) => host().cpuid(leaf, subleaf),
      readMsr: (index) => host().readMsr(index),
      writeMsr: (index, value) => host().writeMsr(index, value),
      tsc: () => host().tsc(),
      random32: () => host().random32(),
      cr8Changed: (value) => host().cr8Changed(value),
      hasInterrupt: () => host().hasInterrupt(),
      acknowledgeInterrupt: () => host().acknowledgeInterrupt(),
      acknowledgeNmi: () => host().acknowledgeNmi?.(),
      hypercall: () => host().hypercall?.() ?? 0,
      kicked: () => host().kicked?.(),
      mapChanged: () => void this.publishMap(),
    };
  }

  /** Whether the vCPU that sits there runs 64-bit code. */
  get isWide(): boolean {
    return (this.core.view.getUint32(L.CTX, true) & L.MODE_CODE_MASK) === 2;
  }
}
