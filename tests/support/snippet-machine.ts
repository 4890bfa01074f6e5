import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { VcpuCore, type VcpuHost } from '../../jit/vcpu/vcpu-core.ts';
import { bareHost } from './vector-machine.ts';

/** How the machine is set up: code of the size named, at privilege 0. */
export type SnippetMode = 'real' | 'protected' | 'long';

const RAM_BYTES = 16 << 20;
const GDT = 0x1000;
const IDT = 0x2000;
const TSS = 0x3000;
const PAGES = 0x40000;

/** Where the code and its data are. */
export const CODE = 0x10000;
export const DATA = 0x20000;
const STACK = 0x38000;

/** Selectors of the GDT. */
export const SELECTOR = { code32: 0x08, data: 0x10, code64: 0x18, code16: 0x20, userCode: 0x2b, userData: 0x33, tss: 0x38, ldt: 0x48 } as const;

const DESCRIPTORS: readonly bigint[] = [
  0n,
  0x00cf9b000000ffffn,
  0x00cf93000000ffffn,
  0x00af9b000000ffffn,
  0x000f9b000000ffffn,
  0x00cffb000000ffffn,
  0x00cff3000000ffffn,
  0x0000890030000067n,
  0n,
  0x0000820040000017n,
  0n,
];

/** A vCPU that runs short snippets from raw bytes. */
export class SnippetMachine {
  readonly core: VcpuCore;
  readonly ram: DataView;
  readonly mode: SnippetMode;
  /** Port accesses: `in 60/1`, `out 60/1 12`. */
  readonly ports: string[] = [];

  private constructor(core: VcpuCore, ram: DataView, mode: SnippetMode) {
    this.core = core;
    this.ram = ram;
    this.mode = mode;
  }

  /** Makes a machine in a mode, in its own RAM. */
  static async create(mode: SnippetMode): Promise<SnippetMachine> {
    const { module, index } = await loadInterpreter();
    const memory = new WebAssembly.Memory({ initial: RAM_BYTES >> 16, maximum: 65536, shared: true });
    let machine: SnippetMachine | undefined;
    const host: VcpuHost = {
      ...bareHost,
      portIn: (port, size) => {
        machine?.ports.push(`in ${port.toString(16)}/${size}`);
        return 0x11223344 + port;
      },
      portOut: (port, size, value) => void machine?.ports.push(`out ${port.toString(16)}/${size} ${value.toString(16)}`),
      cpuid: (leaf, subleaf) => [leaf + 1, leaf + 2, subleaf + 3, leaf + 4],
      readMsr: (index_) => (index_ === 0x8b ? 0x1_0000_0850n : null),
      tsc: () => 0x1_2345_6789,
      random32: () => 0x5eed,
    };
    const core = new VcpuCore(module, index, memory, RAM_BYTES, host);
    core.stopOnFault = true;
    machine = new SnippetMachine(core, new DataView(memory.buffer), mode);
    machine.setUp();
    return machine;
  }

  private setUp(): void {
    const { ram, core, mode } = this;
    const { view } = core;
    for (const [i, descriptor] of DESCRIPTORS.entries()) ram.setBigUint64(GDT + i * 8, descriptor, true);
    view.setBigUint64(L.GDTR_BASE, BigInt(GDT), true);
    view.setUint32(L.GDTR_LIMIT, DESCRIPTORS.length * 8 - 1, true);
    view.setBigUint64(L.IDTR_BASE, BigInt(mode === 'real' ? 0 : IDT), true);
    view.setUint32(L.IDTR_LIMIT, 0x7ff, true);
    view.setBigUint64(L.CR4, 0x50620n, true); // PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE
    view.setBigUint64(L.XCR0, 3n, true);
    if (mode === 'real') {
      for (let s = 0; s < 6; s++) this.segment(L.SEG + s * L.SEG_SIZE, 0, 0, 0xffff, 0x9300);
      this.segment(L.SEG_CS, CODE >> 4, CODE, 0xffff, 0x9b00);
      this.segment(L.SEG_DS, DATA >> 4, DATA, 0xffff, 0x9300);
      this.segment(L.SEG_SS, 0x3000, 0x30000, 0xffff, 0x9300);
      view.setBigUint64(L.CR0, 0x30n, true);
    } else {
      for (let s = 0; s < 6; s++) this.segment(L.SEG + s * L.SEG_SIZE, SELECTOR.data, 0, 0xffffffff, 0xc09300);
      this.segment(L.SEG_CS, mode === 'long' ? SELECTOR.code64 : SELECTOR.code32, 0, 0xffffffff, mode === 'long' ? 0xa09b00 : 0xc09b00);
      this.segment(L.SEG_TR, SELECTOR.tss, TSS, 0x67, 0x8b00);
      this.segment(L.SEG_LDTR, SELECTOR.ldt, 0x4000, 0x17, 0x8200);
      view.setBigUint64(L.CR0, mode === 'long' ? 0x80000033n : 0x33n, true);
    }
    if (mode === 'long') this.mapPages();
    core.exports.updateContext();
  }

  /** Identity pages of 2 MiB for the first GiB; the page at 4 MiB is absent. */
  private mapPages(): void {
    const { ram, core } = this;
    ram.setBigUint64(PAGES, BigInt(PAGES + 0x1000) | 3n, true);
    ram.setBigUint64(PAGES + 0x1000, BigInt(PAGES + 0x2000) | 3n, true);
    for (let i = 0; i < 512; i++) ram.setBigUint64(PAGES + 0x2000 + i * 8, i === 2 ? 0n : BigInt(i << 21) | 0x83n, true);
    core.view.setBigUint64(L.CR3, BigInt(PAGES), true);
    core.view.setBigUint64(L.EFER, 0xd01n, true);
  }

  private segment(at: number, selector: number, base: number, limit: number, rights: number): void {
    const { view } = this.core;
    view.setBigUint64(at + L.SEG_BASE, BigInt(base), true);
    view.setUint32(at + L.SEG_LIMIT, limit, true);
    view.setUint32(at + L.SEG_ATTR, rights, true);
    view.setUint32(at + L.SEG_SELECTOR, selector, true);
  }

  /** Writes an IDT or interrupt-vector entry that leads to an address of the current code segment. */
  gate(vector: number, target: number): void {
    const { ram, mode } = this;
    if (mode === 'real') ram.setUint32(vector * 4, (target - CODE) | ((CODE >> 4) << 16), true);
    else {
      const at = IDT + vector * (mode === 'long' ? 16 : 8);
      ram.setUint32(at, (target & 0xffff) | ((mode === 'long' ? SELECTOR.code64 : SELECTOR.code32) << 16), true);
      ram.setUint32(at + 4, (target & 0xffff0000) | 0x8e00, true);
    }
  }

  /**
   * Runs the bytes (hexadecimal, at CODE) until HLT or a fault.
   * @returns `halt`, or `fault` with the vector
   */
  run(hex: string, registers: Readonly<Record<number, bigint>> = {}): string {
    const { core, ram, mode } = this;
    new Uint8Array(ram.buffer).set(Buffer.from(hex.replace(/\s/g, ''), 'hex'), CODE);
    core.blocks.reset();
    core.rip = BigInt(mode === 'real' ? 0 : CODE);
    core.setGpr(4, BigInt(mode === 'real' ? 0x8000 : STACK));
    for (const [index, value] of Object.entries(registers)) core.setGpr(Number(index), value);
    core.view.setInt32(L.FAULT, 0, true);
    const result = core.run(100_000);
    return result === 'fault' ? `fault ${core.view.getInt32(L.FAULT_VECTOR, true)}` : result;
  }

  /** A general register at a width. */
  register(index: number, width = 64): bigint {
    return BigInt.asUintN(width, this.core.gpr(index));
  }
}
