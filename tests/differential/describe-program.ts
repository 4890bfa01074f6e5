import { disassemble } from '../support/describe-vector.ts';
import { END, layOut, type Program } from './program.ts';

/** A program as text: bytes and disassembly by piece, then what differed. */
export function describeProgram(program: Program, differences: readonly string[]): string {
  const image = layOut(program);
  if (image === null) return 'the program does not fit';
  const lines = [`${program.code}-bit code at ${image.entry.toString(16)}, state seed ${program.stateSeed}`];
  for (const [i, item] of program.items.entries()) {
    const from = image.addresses[i] as number;
    const to = image.addresses[i + 1] ?? image.entry + image.bytes.length;
    if (item.label >= 0) {
      if (item.label === END) lines.push('  the end:');
    } else if (!item.filler) {
      const bytes = image.bytes.subarray(from - image.entry, to - image.entry);
      lines.push(`  ${from.toString(16)}  ${Buffer.from(bytes).toString('hex').padEnd(30)} ${disassemble(bytes, program.code, from).join('; ')}`);
    }
  }
  return [...lines, ...differences.map((d) => `  ${d}`)].join('\n');
}
