import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';
import { VECTOR_FLAG, type Vector, type VectorState } from './hardware-vectors.ts';

const GPR_NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** A little-endian register as one number. */
const number = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString('hex');

/** The instructions of a snippet in Intel syntax, one a line. */
export function disassemble(code: Uint8Array, mode: 16 | 32 | 64, address: number): string[] {
  const decoder = new Decoder(mode, code, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Intel);
  const lines: string[] = [];
  decoder.ip = BigInt(address);
  while (decoder.canDecode) {
    const instruction = decoder.decode();
    lines.push(formatter.format(instruction));
    instruction.free();
  }
  decoder.free();
  formatter.free();
  return lines;
}

function inputs(v: Vector, mode: 16 | 32 | 64): string[] {
  const s: VectorState = v.initial;
  const count = mode === 64 ? 16 : 8;
  const lines = [
    s.gpr
      .slice(0, count)
      .map((value, i) => `${GPR_NAMES[i]}=${value.toString(16)}`)
      .join(' '),
    `eflags=${s.eflags.toString(16)}`,
  ];
  if (v.flags & (VECTOR_FLAG.x87 | VECTOR_FLAG.mmx)) {
    lines.push(`fcw=${s.fcw.toString(16)} fsw=${s.fsw.toString(16)} ftw=${s.ftw.toString(16)} ${s.st.map((st, i) => `st${i}=${number(st)}`).join(' ')}`);
  }
  if (v.flags & VECTOR_FLAG.sse)
    lines.push(
      `mxcsr=${s.mxcsr.toString(16)} ${s.xmm
        .slice(0, count)
        .map((xmm, i) => `xmm${i}=${number(xmm)}`)
        .join(' ')}`,
    );
  return lines;
}

/** A failed vector in full: bytes, disassembly, inputs, and what came out against what the processor gave. */
export function describeVector(v: Vector, mode: 16 | 32 | 64, codeAddress: number, difference: readonly string[]): string {
  const address = (mode === 16 ? 0 : codeAddress) + v.codeOffset;
  return [
    `#${v.index} ${v.name} ${hex(v.code)} (flags ${v.flags})`,
    ...disassemble(v.code, mode, address).map((line) => `    ${line}`),
    ...inputs(v, mode).map((line) => `  in  ${line}`),
    ...difference.map((line) => `  out ${line}`),
  ].join('\n');
}
