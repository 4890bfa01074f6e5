import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { unpackLinuxPayload } from '../../../../runtime/loader/linux-payload.ts';

const SETUP = 5 * 512;

/** Bytes that pack well and badly, and begin as an ELF file does. */
function image(): Uint8Array {
  const bytes = new Uint8Array(50_000);
  let seed = 5;
  for (let i = 0; i < bytes.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    bytes[i] = i % 5000 < 2500 ? seed >>> 24 : (i >> 6) & 0xff;
  }
  // Calls and jumps, which XZ's filter rewrites.
  for (let i = 100; i < bytes.length - 5; i += 37) bytes.set([0xe8, i & 0xff, (i >> 8) & 0xff, 0, 0], i);
  bytes.set([0x7f, 0x45, 0x4c, 0x46]);
  return bytes;
}

/** A bzImage of nothing but a header and its payload. */
function bzImage(packed: Uint8Array, size: number | null): Uint8Array {
  const tail = size === null ? new Uint8Array() : new Uint8Array(Uint32Array.of(size).buffer);
  const bytes = new Uint8Array(SETUP + packed.length + tail.length);
  const view = new DataView(bytes.buffer);
  bytes[0x1f1] = 4;
  view.setUint16(0x206, 0x20f, true);
  view.setUint32(0x24c, packed.length + tail.length, true);
  bytes.set(packed, SETUP);
  bytes.set(tail, SETUP + packed.length);
  return bytes;
}

/** LZ4's legacy format without a single match. */
function lz4Literals(bytes: Uint8Array): Uint8Array {
  const extra: number[] = [];
  let rest = bytes.length - 15;
  for (; rest >= 255; rest -= 255) extra.push(255);
  extra.push(rest);
  const block = Uint8Array.from([0xf0, ...extra, ...bytes]);
  return Uint8Array.from([0x02, 0x21, 0x4c, 0x18, ...new Uint8Array(Uint32Array.of(block.length).buffer), ...block]);
}

/** 6000 bytes through `xz --x86 --lzma2`. */
const XZ = [
  '/Td6WFoAAAFpIt42AgEEACEBHACHbtrl4BdvA3ldAD+RRYRpKDq24vNQfV8K4mRlAe3yFErgdGL5UUxnNTY6LX2Y6XGrmZ4mR2lsJAD26d5YfCVAG8gQ76XO',
  'usUnOE+NHjqj6qJOHmdNDOvFnNGmJPYfqiLh3UBWfZix1pjM1cGsifFYgb1RL1TdeK+sU/BO2QqfCRcUWdVs7zE6UeGjGyTo19jmaIFRPpZ5Cl7Dq1D3Fj/p',
  'lDNUxm9c508TOBzpYTfP1hKXbnBDDelVcT4133Qu850pCGk71acGROxhPyVNbfjylwlmG1wISo6pL1wWkn+W9L9sVKn6FlDxEJ3VjEMuw97VOi7d62tmwxEP',
  'NFsfkxNQadAnTNjtvyX6kdryiMWwTrwLsABKSBliVpEy0hZzWaH7H+tYlTDM70sobOnAQFrYk+LFyTsHz6vS/WWgWIq7RLbLbV7GPsCLMD7eSNrfPOesrIZN',
  'yJhSIVU/FQEQkMq25m/0j8/FNMUIQIfWurZuBNHotyCsFsC68PLOFof9xkXQk5O6IM9oddmhsG6Zo6X/chFUSL/ozav6Z7mYtseYFIrVZkcxUAo7uV3l1IqU',
  '87Ik7qPtpcoabCQlHCKmeE8k0ONGR7+NppmSu5NXt1oYMk0F4HKfbfGV8BMd4NZzsK9gjX7C3Zrh6Sp2MuDhx3pb7/Yi3jnalkoqSaEGOA1vV2qFhuFW+D0a',
  'fjDlDuC3RgJcsiZJzGccFzo6YuD1Pt3ZGWZRzGJh8dwqtm1/ZTLn3+y4Wlc1AdmqCXRC5p/GQ/K7JLUvKgYEgaUVRnhDUV188Z5gFVTKURiRlBl0NFFBN3k6',
  '2QpZoouy7Tsg+ME7Dz66NJEMZPegGRlvR46BQLr/Ei6Lqoc8TUIyiy0gcyQGTkPsIIyrrXHYYFE+8hMZW0s+OK0wH1d/PJOH3V8Yrx3xvrXLSa3wJsgttUwp',
  'oolzl5/HKOuQUXLJN+Z6F5fKBMDWMzhDtiR0RA02zQjmW1p1NluejSPuZ3pXRDZi3MHr87WtejJT48W/31+TKwN++lmCq+6RSXGUqlJGYtGkAIHCsMHmRXsu',
  'tpTwpHgOEixqWIJGyVfcbddUhx2sKKMOs4R0W2LvQfyZQ0Mz7+0u5Abocba434Lppqd8VtfvsJ7LaOHOEihWba3tctDVSGcU1AwUHsx7yl9GFIztdSbT1hIX',
  'AOOyrulwCSoQiXxltKtcWb+6CBAAAAAAaVtWQQABkQfwLgAAZrD6Ez4wDYsCAAAAAAFZWg==',
].join('');

/** What was packed there: a pattern, with calls in it whose targets the filter rewrote. */
function branches(): Uint8Array {
  const bytes = Uint8Array.from({ length: 6000 }, (_, i) => (i * 7 + (i >> 5)) & 0x3f);
  for (let i = 100; i < bytes.length - 5; i += 37) bytes.set([0xe8, i & 0xff, (i >> 8) & 0xff, 0, 0], i);
  bytes.set([0x7f, 0x45, 0x4c, 0x46]);
  return bytes;
}

describe('the payload of a bzImage', () => {
  const expected = image();

  it.each([
    ['gzip', () => bzImage(gzipSync(expected), null)],
    ['zstd', () => bzImage(zstdCompressSync(expected), expected.length)],
    ['LZ4', () => bzImage(lz4Literals(expected), expected.length)],
    ['nothing', () => bzImage(expected, null)],
  ])('packed with %s is unpacked', (_name, make) => {
    expect(Buffer.compare(unpackLinuxPayload(make()) ?? new Uint8Array(), expected)).toBe(0);
  });

  it('packed with XZ and its filter for x86 code is unpacked', () => {
    const packed = Uint8Array.from(Buffer.from(XZ, 'base64'));
    expect(Buffer.compare(unpackLinuxPayload(bzImage(packed, 6000)) ?? new Uint8Array(), branches())).toBe(0);
    for (let at = 0; at < packed.length; at += 3) {
      const damaged = packed.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(() => unpackLinuxPayload(bzImage(damaged, 6000))).not.toThrow();
    }
  });

  it('packed with LZ4 may repeat what overlaps itself', () => {
    // "\x7fELF" and "a", then a match of 19 bytes at distance 1, then "z".
    const block = [0x5f, 0x7f, 0x45, 0x4c, 0x46, 0x61, 1, 0, 0, 0x10, 0x7a];
    const packed = Uint8Array.from([0x02, 0x21, 0x4c, 0x18, block.length, 0, 0, 0, ...block]);
    const text = new TextDecoder().decode(unpackLinuxPayload(bzImage(packed, 25)));
    expect(text).toBe(`\x7fELF${'a'.repeat(20)}z`);
  });

  it('is left alone when it is damaged, unknown, or lies about its size', () => {
    const lz4 = lz4Literals(expected);
    expect(unpackLinuxPayload(bzImage(lz4, expected.length + 1))).toBeUndefined();
    expect(unpackLinuxPayload(bzImage(lz4, 0x7fffffff))).toBeUndefined();
    expect(unpackLinuxPayload(bzImage(gzipSync(expected).fill(9, 100), null))).toBeUndefined();
    expect(unpackLinuxPayload(bzImage(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 100))).toBeUndefined();
    expect(unpackLinuxPayload(new Uint8Array(100))).toBeUndefined();
    expect(unpackLinuxPayload(bzImage(lz4, expected.length).subarray(0, 4000))).toBeUndefined();
    for (let at = 0; at < 2000; at += 7) {
      const bytes = lz4.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      expect(() => unpackLinuxPayload(bzImage(bytes, expected.length))).not.toThrow();
    }
  });
});
