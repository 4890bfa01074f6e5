import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { VcpuCore, type VcpuHost } from '../../jit/vcpu/vcpu-core.ts';
import type { Vector, VectorFile, VectorState } from './hardware-vectors.ts';
import { VECTOR_FLAG } from './hardware-vectors.ts';
import { SynchronousTranslator } from './synchronous-translator.ts';

const RAM_BYTES = 64 << 20;
const TABLES = 0x100000;

/** A host without devices. */
export const bareHost: VcpuHost = {
  portIn: () => 0xffffffff,
  portOut: () => {},
  mmioRead: () => 0xffffffff,
  mmioWrite: () => {},
  cpuid: () => [0, 0, 0, 0],
  readMsr: () => null,
  writeMsr: () => false,
  tsc: () => 0,
  random32: () => 4,
  cr8Changed: () => {},
  hasInterrupt: () => false,
  acknowledgeInterrupt: () => 0,
};

/** What differed after a vector, in words; empty when it passed. */
export type Difference = string[];

/** Runs recorded vectors on a vCPU set up like the machine they were recorded on. */
export class VectorMachine {
  readonly core: VcpuCore;
  /** The translator in use, if any. */
  readonly engine: SynchronousTranslator | null;
  private readonly ram: Uint8Array;
  private readonly file: VectorFile;

  /** @param engine `translator` translates every block before its first execution */
  constructor(module: WebAssembly.Module, index: InterpreterIndex, file: VectorFile, engine: 'interpreter' | 'translator' = 'interpreter') {
    this.file = file;
    const memory = new WebAssembly.Memory({ initial: RAM_BYTES >> 16, maximum: 65536, shared: true });
    this.ram = new Uint8Array(memory.buffer);
    this.core = new VcpuCore(module, index, memory, RAM_BYTES, bareHost);
    this.core.stopOnFault = true;
    this.engine = engine === 'translator' ? new SynchronousTranslator(this.core, index, 0) : null;
    this.setUp();
  }

  private setUp(): void {
    const { view } = this.core;
    const { mode } = this.file;
    const pages = new DataView(this.ram.buffer);
    const pt = TABLES + 0x3000;
    pages.setBigUint64(TABLES, BigInt(TABLES + 0x1000) | 7n, true);
    pages.setBigUint64(TABLES + 0x1000, BigInt(TABLES + 0x2000) | (mode === 64 ? 7n : 1n), true);
    const map = (linear: number): void => {
      const table = pt + (linear >>> 21) * 0x1000;
      pages.setBigUint64(TABLES + 0x2000 + (linear >>> 21) * 8, BigInt(table) | 7n, true);
      pages.setBigUint64(table + ((linear >>> 12) & 511) * 8, BigInt(linear) | 7n, true);
    };
    for (const base of [this.file.codeAddress, this.file.dataAddress]) {
      for (let page = 0; page < (mode === 16 ? 16 : 2); page++) map(base + page * 4096);
    }
    view.setBigUint64(L.CR0, 0x80010031n, true); // PG WP NE ET PE
    view.setBigUint64(L.CR3, BigInt(mode === 64 ? TABLES : TABLES + 0x1000), true);
    view.setBigUint64(L.CR4, 0x620n, true); // PAE OSFXSR OSXMMEXCPT
    view.setBigUint64(L.EFER, mode === 64 ? 0xd01n : 0x800n, true);
    if (mode !== 64) view.setBigUint64(L.PDPTE, BigInt(TABLES + 0x2000) | 1n, true);
    const segment = (at: number, selector: number, base: number, limit: number, rights: number): void => {
      view.setBigUint64(at + L.SEG_BASE, BigInt(base), true);
      view.setUint32(at + L.SEG_LIMIT, limit, true);
      view.setUint32(at + L.SEG_ATTR, rights, true);
      view.setUint32(at + L.SEG_SELECTOR, selector, true);
    };
    const narrow = mode === 16;
    const dataBase = narrow ? this.file.dataAddress : 0;
    const limit = narrow ? 0xffff : 0xffffffff;
    for (let s = 0; s < 6; s++) segment(L.SEG + s * L.SEG_SIZE, 0x2b, dataBase, limit, narrow ? 0xf300 : 0xc0f300);
    segment(L.SEG_CS, 0x33, narrow ? this.file.codeAddress : 0, limit, mode === 64 ? 0xa0fb00 : mode === 32 ? 0xc0fb00 : 0xfb00);
    segment(L.SEG_TR, 0x40, 0, 0, 0x8b00); // too short for an I/O permission map: every port access by a program is #GP
    view.setUint32(L.CPL, 3, true);
    view.setUint32(L.IDTR_LIMIT, 0, true);
    this.core.exports.updateContext();
  }

  private load(s: VectorState): void {
    const { view, exports } = this.core;
    for (const [i, v] of s.gpr.entries()) view.setBigUint64(L.GPR + i * 8, v, true);
    exports.setEflags(s.eflags, 0x244dd5);
    view.setUint32(L.MXCSR, s.mxcsr, true);
    exports.sse_mxcsr_changed?.();
    view.setUint32(L.FPU_CW, s.fcw, true);
    view.setUint32(L.FPU_SW, s.fsw & ~0x3800, true);
    const top = (s.fsw >> 11) & 7;
    view.setUint32(L.FPU_TOP, top, true);
    view.setUint32(L.FPU_TAG, s.ftw, true);
    const bytes = new Uint8Array(view.buffer);
    for (let i = 0; i < 8; i++) bytes.set(s.st[i] as Uint8Array, L.FPU_ST + ((top + i) & 7) * 16);
    for (let i = 0; i < 16; i++) bytes.set(s.xmm[i] as Uint8Array, L.XMM + i * 16);
  }

  /** Runs a vector and says what came out wrong. */
  run(v: Vector): Difference {
    const { core, file, ram } = this;
    const { view } = core;
    // host writes bypass the vCPU: forget the code of the vector before
    core.blocks.reset();
    ram.fill(0xcc, file.codeAddress, file.codeAddress + 0x2000);
    ram.set(v.code, file.codeAddress + v.codeOffset);
    ram.set(v.memory, file.dataAddress);
    this.load(v.initial);
    core.rip = BigInt(file.mode === 16 ? v.codeOffset : file.codeAddress + v.codeOffset);
    view.setUint32(L.FAULT, 0, true);
    const result = core.run(200_000);
    const out: Difference = [];
    if (result !== 'fault') return [`it did not stop: ${result} at ${core.rip.toString(16)}`];
    let vector = view.getInt32(L.FAULT_VECTOR, true);
    let error = view.getInt32(L.FAULT_ERROR, true);
    let ip = Number(core.rip) - (file.mode === 16 ? 0 : file.codeAddress);
    // there is no IDT: INT3 and INTO end in #GP
    if (vector === 13 && error === 0x1a && ram[file.codeAddress + ip] === 0xcc) [vector, error, ip] = [3, 0, ip + 1];
    if (vector === 13 && error === 0x22) [vector, error, ip] = [4, 0, ip + 1];
    const hex = (x: number | bigint): string => x.toString(16);
    if (vector !== v.trap) out.push(`trap ${vector} (error ${hex(error)}), expected ${v.trap}`);
    if (v.trap !== 3 && Math.max(error, 0) !== v.errorCode) out.push(`error code ${hex(error)}, expected ${hex(v.errorCode)}`);
    if (ip !== v.ip) out.push(`ip ${hex(ip)}, expected ${hex(v.ip)}`);
    if (v.trap === 14 && view.getBigUint64(L.CR2, true) !== v.cr2) out.push(`cr2 ${hex(view.getBigUint64(L.CR2, true))}, expected ${hex(v.cr2)}`);
    if (out.length === 0 && !(v.flags & VECTOR_FLAG.approximate)) this.compare(v, out);
    return out;
  }

  private compare(v: Vector, out: Difference): void {
    const { view, exports } = this.core;
    const e = v.final;
    const hex = (x: number | bigint): string => x.toString(16);
    const bytes = new Uint8Array(view.buffer);
    const text = (b: Uint8Array): string => Buffer.from(b).reverse().toString('hex');
    for (let i = 0; i < (this.file.mode === 64 ? 16 : 8); i++) {
      const got = view.getBigUint64(L.GPR + i * 8, true);
      if (got !== e.gpr[i]) out.push(`gpr ${i} ${hex(got)}, expected ${hex(e.gpr[i] as bigint)}`);
    }
    const flags = exports.getEflags();
    if ((flags ^ e.eflags) & v.eflagsMask)
      out.push(`eflags ${hex(flags & v.eflagsMask)}, expected ${hex(e.eflags & v.eflagsMask)} (mask ${hex(v.eflagsMask)})`);
    const mxcsr = view.getUint32(L.MXCSR, true);
    if (mxcsr !== e.mxcsr) out.push(`mxcsr ${hex(mxcsr)}, expected ${hex(e.mxcsr)}`);
    const fcw = view.getUint32(L.FPU_CW, true);
    if (fcw !== e.fcw) out.push(`fcw ${hex(fcw)}, expected ${hex(e.fcw)}`);
    const top = view.getUint32(L.FPU_TOP, true);
    const fsw = (view.getUint32(L.FPU_SW, true) | (top << 11)) & v.fswMask;
    if (fsw !== (e.fsw & v.fswMask)) out.push(`fsw ${hex(fsw)}, expected ${hex(e.fsw & v.fswMask)} (mask ${hex(v.fswMask)})`);
    const ftw = view.getUint32(L.FPU_TAG, true);
    if (ftw !== e.ftw) out.push(`ftw ${hex(ftw)}, expected ${hex(e.ftw)}`);
    for (let i = 0; i < 8; i++) {
      const at = L.FPU_ST + ((top + i) & 7) * 16;
      const got = text(bytes.subarray(at, at + 10));
      if (got !== text(e.st[i] as Uint8Array)) out.push(`st${i} ${got}, expected ${text(e.st[i] as Uint8Array)}`);
    }
    for (let i = 0; i < (this.file.mode === 64 ? 16 : 8); i++) {
      const got = text(bytes.subarray(L.XMM + i * 16, L.XMM + i * 16 + 16));
      if (got !== text(e.xmm[i] as Uint8Array)) out.push(`xmm${i} ${got}, expected ${text(e.xmm[i] as Uint8Array)}`);
    }
    const at = this.file.dataAddress;
    for (let i = 0; i < v.finalMemory.length; i++) {
      if (this.ram[at + i] !== v.finalMemory[i]) {
        out.push(`memory +${hex(i)} ${hex(this.ram[at + i] as number)}, expected ${hex(v.finalMemory[i] as number)}`);
        if (out.length > 8) break;
      }
    }
  }
}
