import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { type CorePlace, VcpuCore, type VcpuHost } from '../../jit/vcpu/vcpu-core.ts';
import { bareHost } from './vector-machine.ts';

/** RAM of machines that share it between cores. */
export const SHARED_RAM_BYTES = 16 << 20;
const GDT = 0x1000;
const PAGES = 0x40000;
/** Where code and data are. */
export const CODE = 0x10000;
export const DATA = 0x20000;

/** What every core of such a machine has. */
export interface CoreParts {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly ram: WebAssembly.Memory;
  readonly host?: VcpuHost;
  readonly place?: CorePlace;
}

/** RAM for such a machine, with identity pages of 2 MiB and a GDT. */
export function sharedRam(): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: SHARED_RAM_BYTES >> 16, maximum: 65536, shared: true });
  writeTables(memory);
  return memory;
}

/** Writes the GDT and the page tables of such a machine. */
export function writeTables(memory: WebAssembly.Memory): void {
  const ram = new DataView(memory.buffer);
  for (const [i, d] of [0n, 0x00af9b000000ffffn, 0x00cf93000000ffffn].entries()) ram.setBigUint64(GDT + i * 8, d, true);
  ram.setBigUint64(PAGES, BigInt(PAGES + 0x1000) | 3n, true);
  ram.setBigUint64(PAGES + 0x1000, BigInt(PAGES + 0x2000) | 3n, true);
  for (let i = 0; i < 8; i++) ram.setBigUint64(PAGES + 0x2000 + i * 8, BigInt(i << 21) | 0x83n, true);
}

/** A core in 64-bit code at privilege 0, about to run at CODE. */
export function longModeCore({ module, index, ram, host = bareHost, place }: CoreParts): VcpuCore {
  const core = new VcpuCore(module, index, ram, SHARED_RAM_BYTES, host, place);
  startLongMode(core);
  return core;
}

/** Puts a core's vCPU into 64-bit code. */
export function startLongMode(core: VcpuCore, rip = CODE, stack = 0x38000): void {
  const { view } = core;
  core.stopOnFault = true;
  const segment = (at: number, selector: number, rights: number): void => {
    view.setBigUint64(at + L.SEG_BASE, 0n, true);
    view.setUint32(at + L.SEG_LIMIT, 0xffffffff, true);
    view.setUint32(at + L.SEG_ATTR, rights, true);
    view.setUint32(at + L.SEG_SELECTOR, selector, true);
  };
  for (let s = 0; s < 6; s++) segment(L.SEG + s * L.SEG_SIZE, 0x10, 0xc09300);
  segment(L.SEG_CS, 8, 0xa09b00);
  view.setBigUint64(L.GDTR_BASE, BigInt(GDT), true);
  view.setUint32(L.GDTR_LIMIT, 23, true);
  view.setBigUint64(L.CR0, 0x80000033n, true);
  view.setBigUint64(L.CR3, BigInt(PAGES), true);
  view.setBigUint64(L.CR4, 0x620n, true);
  view.setBigUint64(L.EFER, 0xd01n, true);
  core.exports.updateContext();
  core.rip = BigInt(rip);
  core.setGpr(4, BigInt(stack));
}

/** Writes code or data given in hexadecimal. */
export function putHex(ram: WebAssembly.Memory, at: number, hex: string): void {
  new Uint8Array(ram.buffer).set(Buffer.from(hex.replace(/\s/g, ''), 'hex'), at);
}
