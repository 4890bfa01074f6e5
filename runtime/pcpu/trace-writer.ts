import * as L from '#jit/layout';
import type { VcpuCore } from '#jit';
import type { FileOutput } from './file-output.ts';

/** The order of the registers in a line is QEMU's, so that the eye can compare. */
const ORDER = [
  ['RAX', 0],
  ['RBX', 3],
  ['RCX', 1],
  ['RDX', 2],
  ['RSI', 6],
  ['RDI', 7],
  ['RBP', 5],
  ['RSP', 4],
  ['R8', 8],
  ['R9', 9],
  ['R10', 10],
  ['R11', 11],
  ['R12', 12],
  ['R13', 13],
  ['R14', 14],
  ['R15', 15],
] as const;
const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const LINE_BYTES = 512;
const NEWLINE = 0x0a;

/**
 * Hot path: a line per block of a traced run, with the state before the block:
 * `N=<instructions> RIP=... EFL=... CPL=n RAX=... ... R15=...`, numbers in hex but N.
 */
export class TraceWriter {
  readonly #core: VcpuCore;
  readonly #file: FileOutput;
  readonly #labels: readonly (readonly [Uint8Array, number])[];
  #at = 0;

  constructor(core: VcpuCore, file: FileOutput) {
    this.#core = core;
    this.#file = file;
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    this.#labels = ORDER.map(([name, index]) => [bytes(` ${name}=`), L.GPR + index * 8] as const);
  }

  /** Makes the vCPU write a line before each block. */
  attach(): void {
    this.#core.everyBlock = true;
    this.#core.onBlock = () => this.#line();
  }

  /** No more lines, until it is attached again. */
  detach(): void {
    this.#core.everyBlock = false;
    this.#core.onBlock = undefined;
  }

  #line(): void {
    const { view, exports } = this.#core;
    this.#at = this.#file.reserve(LINE_BYTES);
    this.#text(`N=${this.#core.executed} RIP=`);
    this.#hex64(view, L.RIP);
    this.#text(' EFL=');
    this.#hex32(exports.getEflags() >>> 0);
    this.#text(' CPL=');
    this.#text(String(view.getUint32(L.CPL, true)));
    for (const [label, address] of this.#labels) {
      this.#file.buffer.set(label, this.#at);
      this.#at += label.length;
      this.#hex64(view, address);
    }
    this.#file.buffer[this.#at++] = NEWLINE;
    this.#file.advance(this.#at);
  }

  #text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#file.buffer[this.#at++] = text.charCodeAt(i);
  }

  #hex64(view: DataView, address: number): void {
    this.#hex32(view.getUint32(address + 4, true));
    this.#hex32(view.getUint32(address, true));
  }

  #hex32(value: number): void {
    const { buffer } = this.#file;
    for (let shift = 28; shift >= 0; shift -= 4) buffer[this.#at++] = DIGITS[(value >>> shift) & 15] ?? 0;
  }
}
