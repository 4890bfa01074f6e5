import { Hypercall } from '#sdk';
import * as L from '#jit/layout';
import { serveHypercall } from '../../../../runtime/hypercall/dispatch.ts';
import type { HypercallDomain, HypercallVcpu, VcpuWait } from '../../../../runtime/hypercall/hypercall-domain.ts';
import { RunstateClock } from '../../../../runtime/time/runstate.ts';
import { testDomain } from '../domain/domain-fixture.ts';

/** Where tests put arguments: guest addresses are RAM addresses, and the first page is not mapped. */
export const SCRATCH = 0x30000;
const WIDE = [7, 6, 2, 10, 8];
const NARROW = [3, 1, 2, 6, 7];
const LONG_MODE = 2;
const PROTECTED_MODE = 1;

/** A domain whose hypercalls are made by a test in the place of a vCPU. */
export class HypercallBench {
  readonly wide: boolean;
  readonly events: string[] = [];
  readonly waits: VcpuWait[] = [];
  readonly written: number[] = [];
  readonly test = testDomain();
  readonly state = this.test.state;
  readonly view = new DataView(new ArrayBuffer(0x2000));
  readonly watchdogs = new Map<number, number>();
  readonly domain: HypercallDomain;
  readonly vcpu: HypercallVcpu;
  time = 5000;
  isMapped = true;

  constructor(wide: boolean) {
    this.wide = wide;
    this.vcpu = this.#vcpu(0);
    this.domain = this.#domain();
    this.view.setUint32(L.CTX, wide ? LONG_MODE : PROTECTED_MODE, true);
  }

  /** Makes a hypercall; its result as a signed number. */
  call(number: number, ...args: readonly (number | bigint)[]): number {
    this.view.setBigUint64(L.GPR, BigInt(number), true);
    args.forEach((value, i) => this.view.setBigUint64(L.GPR + 8 * ((this.wide ? WIDE : NARROW)[i] ?? 0), BigInt.asUintN(64, BigInt(value)), true));
    serveHypercall({ core: { view: this.view, setGpr: (index, value) => this.view.setBigUint64(L.GPR + 8 * index, value, true) }, ...this });
    const result = this.view.getBigUint64(L.GPR, true);
    return Number(BigInt.asIntN(this.wide ? 64 : 32, result));
  }

  /** Makes a hypercall whose second argument points to a structure; result, and the structure as it is after that. */
  struct(number: number, command: number, struct: Uint8Array, count = 1): { result: number; view: DataView } {
    this.state.ram.bytes.set(struct, SCRATCH);
    const result = this.call(number, command, SCRATCH, count);
    return { result, view: new DataView(this.state.ram.bytes.slice(SCRATCH, SCRATCH + struct.length).buffer) };
  }

  readonly access = {
    read: (pointer: bigint, length: number) => {
      const at = this.#at(pointer, length);
      return at < 0 ? undefined : new DataView(this.state.ram.bytes.slice(at, at + length).buffer as ArrayBuffer);
    },
    write: (pointer: bigint, bytes: Uint8Array) => {
      const at = this.#at(pointer, bytes.length);
      if (at >= 0) this.state.ram.bytes.set(bytes, at);
      return at >= 0;
    },
  };

  #at(pointer: bigint, length: number): number {
    const at = Number(pointer);
    return this.isMapped && at >= 4096 && at + length <= this.state.ram.ramBytes ? at : -1;
  }

  #vcpu(id: number): HypercallVcpu {
    const note = (what: string) => void this.events.push(what);
    return {
      id,
      runstate: new RunstateClock(
        () => this.time,
        (pointer, bytes) => this.access.write(pointer, bytes),
      ),
      singleshot: { arm: (at) => note(`singleshot ${at}`), cancel: () => note('stop singleshot') },
      periodic: { start: (period) => note(`periodic ${period}`), stop: () => note('stop periodic') },
      yield: () => note('yield'),
      wait: (wait) => void this.waits.push(wait),
      sendNmi: () => note('nmi'),
      up: () => undefined,
      down: () => note('down'),
    };
  }

  #domain(): HypercallDomain {
    const note = (what: string) => void this.events.push(what);
    return {
      state: this.state,
      vcpus: [this.vcpu, this.#vcpu(1)],
      uuid: Uint8Array.from({ length: 16 }, (_, i) => i),
      memoryMap: [
        { base: 0, length: 0xa0000, type: 1 },
        { base: 0x100000, length: 0x100000, type: 1 },
      ],
      now: () => this.time,
      find: () => undefined,
      consoleWrite: (byte) => void this.written.push(byte),
      shutdown: (reason) => note(`shutdown ${reason}`),
      latchLayout: (bits) => note(`layout ${bits}`),
      writeTime: (address) => note(`time ${address}`),
      setWatchdog: (id, seconds) => void (seconds === 0 ? this.watchdogs.delete(id) : this.watchdogs.set(id, seconds)),
      watchdogs: { has: (id: number) => this.watchdogs.has(id) } as ReadonlySet<number>,
    };
  }
}

/** Little-endian fields, one after the other: `[bytes, value]`. */
export function fields(...list: readonly (readonly [bytes: 1 | 2 | 4 | 8, value: number | bigint])[]): Uint8Array {
  const bytes = new Uint8Array(list.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of list) {
    for (let i = 0; i < size; i++) view.setUint8(at + i, Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * i)) & 0xffn));
    at += size;
  }
  return bytes;
}

/** All hypercall numbers. */
export const NUMBERS = Object.values(Hypercall);
