import { Decoder, DecoderOptions, Mnemonic } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { decodeInstruction } from '../../jit/decode/decode-instruction.ts';
import type { Row } from '../../jit/isa/dsl/row.ts';
import { randomWords, simdRows } from '../support/simd-rows.ts';

const PREFIX: Readonly<Record<string, readonly number[]>> = { NP: [], '66': [0x66], F3: [0xf3], F2: [0xf2] };
const ESCAPE = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]] as const;

/** ModRM bytes that fit a row: every mod, and every register and rm number somewhere. */
const modrmsOf = (row: Row): number[] => {
  const all: number[] = [];
  for (let modrm = 0; modrm < 256; modrm += 3) {
    const fixed = row.reg === undefined ? modrm : (modrm & 0xc7) | (row.reg << 3);
    if ((row.form === 'register' && fixed < 0xc0) || (row.form === 'memory' && fixed >= 0xc0)) continue;
    all.push(fixed);
  }
  return all;
};

/** Bytes of encodings of a row in a mode. */
function* encodings(row: Row, mode: 32 | 64): Generator<Uint8Array> {
  const words = randomWords(0xdec0de);
  const rexes = mode === 32 ? [[]] : row.operandSize === 64 ? [[0x48], [0x4f]] : [[], [0x40], [0x45]];
  for (const rex of rexes) {
    for (const modrm of row.modrm ? modrmsOf(row) : [-1]) {
      const bytes = new Uint8Array(16);
      for (let i = 0; i < 16; i++) bytes[i] = words.next().value & 255;
      bytes.set([
        ...(PREFIX[row.prefix ?? 'NP'] as readonly number[]),
        ...rex,
        ...(ESCAPE[row.map] as readonly number[]),
        row.byte,
        ...(modrm < 0 ? [] : [modrm]),
      ]);
      yield bytes;
    }
  }
}

/** The mnemonic; iced has names of its own for string compares with 64-bit lengths. */
const nameOf = (mnemonic: number): string => (Mnemonic[mnemonic] as string).toUpperCase().replace(/^(PCMPESTR[IM])64$/, '$1');

describe('SIMD rows', () => {
  for (const mode of [32, 64] as const) {
    it(`are decoded as iced-x86 does, in ${mode}-bit mode`, () => {
      let count = 0;
      for (const row of simdRows) {
        if (mode === 32 && (row.modes === 'only64' || row.operandSize === 64)) continue;
        for (const bytes of encodings(row, mode)) {
          const decoder = new Decoder(mode, bytes, DecoderOptions.None);
          const theirs = decoder.decode();
          const ours = decodeInstruction(bytes, 0, { code: mode, stack: mode });
          const text = `${row.id} ${Buffer.from(bytes).toString('hex')}`;
          if (typeof ours === 'string') throw new Error(`${text}: ${ours}`);
          expect([ours.row.id, ours.row.mnemonic, ours.length], text).toEqual([row.id, nameOf(theirs.mnemonic), theirs.length]);
          theirs.free();
          decoder.free();
          count++;
        }
      }
      expect(count).toBeGreaterThan(20_000);
    });
  }
});
