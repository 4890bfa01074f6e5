import * as L from '#jit/layout';
import type { VcpuCore } from '#jit';
import { type GuestRam, PAGE } from '../memory/guest-ram.ts';
import type { GuestPointers } from './call.ts';

const READ = 0;
const WRITE = 1;

/** Guest memory by the guest's own addresses, through the page tables of the vCPU that calls, with its rights. */
export class GuestAccess implements GuestPointers {
  readonly #core: VcpuCore;
  readonly #ram: GuestRam;

  constructor(core: VcpuCore, ram: GuestRam) {
    this.#core = core;
    this.#ram = ram;
  }

  read(pointer: bigint, length: number): DataView<ArrayBuffer> | undefined {
    const copy = new Uint8Array(length);
    const isRead = this.#pieces(pointer, length, READ, (address, at, size) => copy.set(this.#ram.bytes.subarray(address, address + size), at));
    return isRead ? new DataView(copy.buffer) : undefined;
  }

  write(pointer: bigint, bytes: Uint8Array): boolean {
    return this.#pieces(pointer, bytes.length, WRITE, (address, at, size) => this.#ram.write(address, bytes.subarray(at, at + size)));
  }

  /** Writes bytes as the kernel could, whatever the vCPU does just now. */
  writeAsKernel(pointer: bigint, bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      const linear = pointer + BigInt(at);
      const size = Math.min(bytes.length - at, PAGE - Number(linear & 0xfffn));
      const address = this.#inRam(this.#core.exports.translateNoFault(BigInt.asIntN(64, linear)), size);
      if (address < 0) return false;
      this.#ram.write(address, bytes.subarray(at, at + size));
      at += size;
    }
    return true;
  }

  #pieces(pointer: bigint, length: number, access: number, each: (address: number, at: number, size: number) => void): boolean {
    for (let at = 0; at < length; ) {
      const linear = pointer + BigInt(at);
      const size = Math.min(length - at, PAGE - Number(linear & 0xfffn));
      const address = this.#translate(linear, access, size);
      if (address < 0) return false;
      each(address, at, size);
      at += size;
    }
    return true;
  }

  #translate(linear: bigint, access: number, size: number): number {
    const { view, exports } = this.#core;
    const cr2 = view.getBigUint64(L.CR2, true);
    const physical = exports.translate(BigInt.asIntN(64, linear), access);
    if (physical >= 0n) return this.#inRam(physical, size);
    // The fault is the hypercall's to report, not the guest's to take.
    view.setInt32(L.FAULT, 0, true);
    view.setBigUint64(L.CR2, cr2, true);
    return -1;
  }

  #inRam(physical: bigint, size: number): number {
    const address = Number(physical);
    return address >= 0 && address + size <= this.#ram.bytes.length && (address < 0xa0000 || address >= 0xc0000) ? address : -1;
  }
}
