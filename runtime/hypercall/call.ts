import * as L from '#jit/layout';
import type { VcpuCore } from '#jit';
import { Errno } from '#sdk';
import type { HypercallDomain, HypercallVcpu } from './hypercall-domain.ts';

/** RDI RSI RDX R10 R8, and EBX ECX EDX ESI EDI. */
const WIDE_ARGUMENTS = [7, 6, 2, 10, 8] as const;
const NARROW_ARGUMENTS = [3, 1, 2, 6, 7] as const;

/** Guest memory by the guest's own addresses. */
export interface GuestPointers {
  /** A copy of bytes; undefined when the guest could not read them itself. */
  read(pointer: bigint, length: number): DataView<ArrayBuffer> | undefined;
  /** Writes bytes; false when the guest could not write them itself. */
  write(pointer: bigint, bytes: Uint8Array): boolean;
}

/** Where the arguments of a hypercall are, and where its result goes. */
export type CallRegisters = Pick<VcpuCore, 'view' | 'setGpr'>;

/** Who makes a hypercall. */
export interface CallParts {
  readonly core: CallRegisters;
  readonly domain: HypercallDomain;
  readonly vcpu: HypercallVcpu;
  readonly access: GuestPointers;
}

/** One hypercall with its arguments, in the layout of the code that made it. */
export class HypercallCall {
  readonly number: number;
  /** The caller is 64-bit code: `unsigned long` has 8 bytes. */
  readonly wide: boolean;
  readonly domain: HypercallDomain;
  readonly vcpu: HypercallVcpu;
  readonly access: GuestPointers;
  readonly #core: CallRegisters;

  constructor({ core, domain, vcpu, access }: CallParts) {
    this.#core = core;
    this.domain = domain;
    this.vcpu = vcpu;
    this.access = access;
    this.wide = (core.view.getUint32(L.CTX, true) & L.MODE_CODE_MASK) === 2;
    this.number = core.view.getUint32(L.GPR, true);
  }

  /** An argument as an unsigned 32-bit number. */
  arg(index: number): number {
    return this.#core.view.getUint32(this.#at(index), true);
  }

  /** An argument as a pointer or `unsigned long`. */
  long(index: number): bigint {
    const { view } = this.#core;
    return this.wide ? view.getBigUint64(this.#at(index), true) : BigInt(view.getUint32(this.#at(index), true));
  }

  /** A copy of the structure that an argument points to. */
  struct(index: number, size: number): DataView<ArrayBuffer> | undefined {
    return this.access.read(this.long(index), size);
  }

  /** Writes a structure back to where an argument points; `result`, or -EFAULT. */
  store(index: number, struct: DataView<ArrayBuffer>, result = 0): number {
    return this.access.write(this.long(index), new Uint8Array(struct.buffer)) ? result : -Errno.EFAULT;
  }

  /** An `unsigned long` or pointer in a structure. */
  longAt(struct: DataView, offset: number): bigint {
    return this.wide ? struct.getBigUint64(offset, true) : BigInt(struct.getUint32(offset, true));
  }

  #at(index: number): number {
    return L.GPR + 8 * ((this.wide ? WIDE_ARGUMENTS : NARROW_ARGUMENTS)[index] ?? 0);
  }
}

/** Serves a hypercall: a result, or a negative errno. */
export type HypercallHandler = (call: HypercallCall) => number;

/** An unsigned number of 64 bits, or infinity where a JavaScript number could not hold it. */
export function toNumber(value: bigint): number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : Number.POSITIVE_INFINITY;
}
