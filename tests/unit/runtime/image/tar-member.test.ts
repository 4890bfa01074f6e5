import { describe, expect, it } from 'vitest';
import { findTarMember } from '../../../../runtime/image/tar-member.ts';
import { writeTar } from './tar-writer.ts';

const archive = writeTar({
  './usr/share/doc': new Uint8Array(700).fill(1),
  './boot/vmlinuz-6.1': new Uint8Array(1500).fill(2),
  './boot/vmlinuz-6.2': new Uint8Array(10).fill(3),
});

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('findTarMember', () => {
  it.each([1, 77, 512, 100000])('finds the first match in pieces of %i bytes', async (size) => {
    const found = await findTarMember(inPieces(archive, size), (path) => path.startsWith('boot/vmlinuz'));
    expect(found?.path).toBe('boot/vmlinuz-6.1');
    expect(found?.data.length).toBe(1500);
    expect(found?.data.every((byte) => byte === 2)).toBe(true);
  });

  it('skips GNU long names', async () => {
    const long = writeTar({
      [`./${'x'.repeat(200)}`]: new Uint8Array(5),
      './b': new Uint8Array([8]),
    });
    expect((await findTarMember(inPieces(long, 512), (path) => path === 'b'))?.data).toEqual(Buffer.from([8]));
  });

  it.each([
    ['has no match', archive],
    ['breaks off in a member', archive.subarray(0, 2000)],
    ['is no archive', new Uint8Array(4096).fill(0x41)],
    ['is empty', new Uint8Array(0)],
  ])('gives nothing when the archive %s', async (_name, bytes) => {
    expect(await findTarMember(inPieces(bytes, 512), (path) => path === 'nothing')).toBeUndefined();
  });

  it('gives nothing when the match itself is cut off', async () => {
    expect(await findTarMember(inPieces(archive.subarray(0, 2560), 512), (path) => path.startsWith('boot'))).toBeUndefined();
  });
});
