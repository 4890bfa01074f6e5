/** Both decoders over a buffer of byte strings. */
import { Code, Decoder, DecoderOptions, Instruction as IcedInstruction } from 'iced-x86';
import { decodeInstruction } from '../../jit/decode/decode-instruction.ts';
import { absentFeature, icedText, ourText } from './decoder-oracle-view.ts';

/** Bytes per string in a buffer; no instruction is longer than 15. */
export const SLOT = 16;
/** Code sizes. */
export type Mode = 16 | 32 | 64;

const IP = 0x1000n;
const icedOptions = DecoderOptions.NoWbnoinvd;

/** Compares both decoders on every slot of a buffer; returns what differs. */
export function differences(buffer: Uint8Array, mode: Mode, limit = 40): string[] {
  const iced = new Decoder(mode, buffer, icedOptions);
  const instruction = new IcedInstruction();
  const found: string[] = [];
  for (let start = 0; start < buffer.length && found.length < limit; start += SLOT) {
    iced.position = start;
    iced.ip = IP;
    iced.decodeOut(instruction);
    const ours = decodeInstruction(buffer, start, { code: mode, stack: mode });
    const known = typeof ours !== 'string';
    const bytes = (): string =>
      Buffer.from(buffer.subarray(start, start + 15))
        .toString('hex')
        .replace(/(..)/g, '$1 ');
    if (instruction.code === Code.INVALID) {
      if (known) found.push(`${mode}: ${bytes()}: iced #UD, ours ${ourText(ours, IP)}`);
      continue;
    }
    const absent = absentFeature(instruction);
    if (absent !== '') {
      if (known) found.push(`${mode}: ${bytes()}: iced ${icedText(instruction, mode, null)} (${absent}), ours ${ourText(ours, IP)}`);
      continue;
    }
    if (!known) {
      found.push(`${mode}: ${bytes()}: iced ${icedText(instruction, mode, null)}, ours ${ours}`);
      continue;
    }
    const expected = icedText(instruction, mode, ours);
    const actual = ourText(ours, IP);
    if (expected !== actual) found.push(`${mode}: ${bytes()}: iced ${expected}, ours ${actual}`);
  }
  instruction.free();
  iced.free();
  return found;
}
