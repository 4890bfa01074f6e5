import { describe, expect, it } from 'vitest';
import { decodeInstruction } from '../../jit/decode/decode-instruction.ts';
import { differences, SLOT } from './decoder-oracle-compare.ts';

const MODES = [16, 32, 64] as const;

/** Random byte strings per mode. */
const RANDOM_COUNT = Number(process.env['XYLEM_DECODER_RANDOM'] ?? 300_000);
/** ModRM bytes tried per opcode and prefix: all of them, or every n-th in a quick run. */
const MODRM_STEP = Number(process.env['XYLEM_DECODER_MODRM_STEP'] ?? 1);

/** A reproducible stream of bytes. */
function* byteStream(seed: number): Generator<number, never> {
  let x = seed | 1;
  for (;;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield (x >>> 11) & 255;
  }
}

const PREFIXES: readonly (readonly number[])[] = [[], [0x66], [0xf2], [0xf3], [0x48]];
const MAPS: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

/** VEX prefixes of the three maps: both lengths, W, some vvvv and every pp; and one behind prefixes that forbid it. */
const VEX: readonly (readonly number[])[] = [
  ...[0xe1, 0xe2, 0xe3, 0xc2, 0xa2, 0x62, 0xe0].flatMap((first) =>
    [0x78, 0x79, 0x7a, 0x7b, 0x7c, 0xf8, 0xfb, 0x30, 0xb3, 0x3b, 0xbb].map((second) => [0xc4, first, second]),
  ),
  [0xc5, 0xf8],
  [0xc5, 0x7b],
  [0xc5, 0xfc],
  ...[0x66, 0xf3, 0x48, 0x2e, 0xf0, 0x67].map((prefix) => [prefix, 0xc4, 0xe2, 0x7b]),
];

/** Every opcode of a map with every ModRM byte behind every prefix. */
function opcodePatterns(map: readonly number[], prefix: readonly number[], step = MODRM_STEP): Uint8Array {
  const modrms = Math.ceil(256 / step);
  const buffer = new Uint8Array(256 * modrms * SLOT);
  const stream = byteStream(0x2545f491 + map.length * 17 + (prefix[0] ?? 0));
  let at = 0;
  for (let opcode = 0; opcode < 256; opcode++) {
    for (let modrm = 0; modrm < 256; modrm += step) {
      const head = [...prefix, ...map, opcode, (modrm + ((opcode * 5) % step)) & 255];
      for (let i = 0; i < SLOT; i++) buffer[at + i] = head[i] ?? stream.next().value;
      at += SLOT;
    }
  }
  return buffer;
}

const LIKELY_PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x64, 0x65, 0x48, 0x41, 0x44, 0x40, 0x4f];

/** Byte strings that begin with up to three likely prefixes and often an escape byte. */
function randomStrings(count: number, seed: number): Uint8Array {
  const buffer = new Uint8Array(count * SLOT);
  const stream = byteStream(seed);
  const next = (): number => stream.next().value;
  for (let at = 0; at < buffer.length; at += SLOT) {
    for (let i = 0; i < SLOT; i++) buffer[at + i] = next();
    const shape = next();
    let i = 0;
    for (let n = shape & 3; n > 0; n--) buffer[at + i++] = LIKELY_PREFIXES[next() % LIKELY_PREFIXES.length] as number;
    if (shape & 0x80) {
      buffer[at + i++] = 0x0f;
      if ((shape & 0x70) === 0x70) buffer[at + i] = shape & 8 ? 0x38 : 0x3a;
    }
  }
  return buffer;
}

describe('instruction length', () => {
  const decode = (bytes: readonly number[]): number | string => {
    const found = decodeInstruction(Uint8Array.from(bytes), 0, { code: 64, stack: 64 });
    return typeof found === 'string' ? found : found.length;
  };
  const prefixes = (n: number): number[] => new Array<number>(n).fill(0x66);

  it('is 15 bytes at most', () => {
    expect(decode([...prefixes(14), 0x90])).toBe(15);
    expect(decode([...prefixes(15), 0x90])).toBe('long');
    expect(decode([...prefixes(12), 0xc7, 0xc0, 1, 0])).toBe('long');
    expect(decode([...prefixes(11), 0xc7, 0xc0, 1, 0])).toBe(15);
  });
  it('is not known when bytes are missing', () => {
    for (const bytes of [[], [0x66], [0x0f], [0x01], [0x0f, 0x38], [0xc7, 0x00], [0xc7, 0x00, 1, 2, 3], [0x8b, 0x84], [0xe8, 0, 0, 0]])
      expect(decode(bytes)).toBe('short');
  });
});

describe('decoder against iced-x86', () => {
  for (const mode of MODES) {
    for (const map of MAPS) {
      const name = map.map((b) => b.toString(16).padStart(2, '0')).join(' ') || 'one-byte';
      it(`${mode}-bit: every opcode of map ${name}`, { timeout: 300_000 }, () => {
        for (const prefix of PREFIXES) expect(differences(opcodePatterns(map, prefix), mode)).toEqual([]);
      });
    }
    it(`${mode}-bit: VEX opcodes`, { timeout: 300_000 }, () => {
      for (const prefix of VEX) expect(differences(opcodePatterns([], prefix, Math.max(8, MODRM_STEP)), mode)).toEqual([]);
    });
    it(`${mode}-bit: random byte strings`, { timeout: 1_200_000 }, () => {
      const chunk = 50_000;
      for (let done = 0; done < RANDOM_COUNT; done += chunk) {
        expect(differences(randomStrings(Math.min(chunk, RANDOM_COUNT - done), 0x1234567 + done + mode), mode)).toEqual([]);
      }
    });
  }
});
