import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HypervisorError } from '#sdk';
import { type LoadRequest, loadKernel, loadPvhKernel } from '../../../../runtime/loader/index.ts';
import { bzImage, elf, guestMemory, loadRequest, multibootHeader, pvhNote } from './kernel-images.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function bootSector(): Uint8Array {
  const bytes = new Uint8Array(512);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

function failure(request: LoadRequest, load = loadKernel): HypervisorError {
  try {
    load(request);
  } catch (error) {
    if (error instanceof HypervisorError) return error;
    throw error;
  }
  throw new Error('the kernel was taken');
}

describe('what is no kernel', () => {
  it.each([
    ['an empty file', new Uint8Array(0)],
    ['gzip-compressed data', new Uint8Array([0x1f, 0x8b, 8, 0])],
    ['xz-compressed data', new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
    ['a PE file', text('MZ and so on')],
    ['a text file', text('hello\n')],
    ['a script', text('#!/bin/sh\n')],
    ['a cpio archive', text('070701')],
    ['an ar archive', text('!<arch>\n')],
    ['a qcow2 disk image', new Uint8Array([0x51, 0x46, 0x49, 0xfb])],
    ['a boot sector or a disk image', bootSector()],
    ['unknown data of 3 bytes', new Uint8Array([1, 2, 3])],
  ])('is named: %s', (seems, kernel) => {
    const error = failure(loadRequest(kernel, { kernelName: 'thing' }));
    expect(error.code).toBe('HV_ERR_LOADER_UNRECOGNISED');
    expect(error.message).toContain(`thing is no kernel that can be started: it seems to be ${seems}`);
    expect(error.hint).toBeTruthy();
  });
});

describe('firmware', () => {
  const rom = (size: number, jump: number): Uint8Array => {
    const bytes = new Uint8Array(size).fill(1);
    bytes[size - 16] = jump;
    return bytes;
  };

  it('is mapped below 1 MiB and below 4 GiB and entered in real mode', () => {
    const request = loadRequest(rom(0x20000, 0xea));
    expect(loadKernel(request)).toMatchObject({
      mode: 'real',
      rip: 0xfff0,
      segments: {
        code: { selector: 0xf000, base: 0xf0000, limit: 0xffff },
        data: { selector: 0, base: 0 },
      },
      rom: { bytes: request.kernel, addresses: [0xe0000, 0xfffe0000] },
    });
    expect(request.memory.every((byte) => byte === 0xa5)).toBe(true);
  });

  it.each([
    [0x8000, 0xea],
    [0x18000, 0xea],
    [0x80000, 0xea],
    [0x10000, 0x00],
  ])('of %i bytes that starts with %i is none', (size, jump) => {
    expect(failure(loadRequest(rom(size, jump))).code).toBe('HV_ERR_LOADER_UNRECOGNISED');
  });
});

describe('what a PVH domain begins with', () => {
  const segment = { type: 1, address: 0x100000, bytes: new Uint8Array(64) };
  const withNote = elf(32, 0x100000, [segment, { type: 4, bytes: pvhNote(0x100000) }]);
  const withoutNote = elf(32, 0x100000, [segment]);

  it('is an ELF kernel with the note, by itself or in a bzImage', () => {
    expect(loadPvhKernel(loadRequest(withNote))).toMatchObject({ mode: 'protected32', rip: 0x100000 });
    expect(loadPvhKernel(loadRequest(bzImage(), { unpack: () => withNote }))).toMatchObject({ rip: 0x100000 });
  });

  it.each([
    ['a multiboot kernel', new Uint8Array([...multibootHeader(0), ...new Uint8Array(64)]), undefined],
    ['a Linux bzImage', bzImage(), undefined],
    ['a Linux bzImage', bzImage(), withoutNote],
    ['a ROM image', new Uint8Array(0x20000).fill(0xea), undefined],
  ])('is not %s', (seen, kernel, payload) => {
    const error = failure(loadRequest(kernel, { unpack: () => payload }), loadPvhKernel);
    expect([error.code, error.message]).toEqual(['HV_ERR_LOADER_UNSUPPORTED', expect.stringContaining(`it is ${seen}`)]);
    expect(error.hint).toContain('--machine pc');
  });

  it('is no ELF file without any entry that we know', () => {
    expect(failure(loadRequest(withoutNote), loadPvhKernel).code).toBe('HV_ERR_LOADER_UNRECOGNISED');
  });
});

describe('a damaged kernel', () => {
  const memory = guestMemory(20);
  const kernels = [
    bzImage(),
    elf(32, 0x100000, [
      { type: 1, address: 0x100000, bytes: new Uint8Array(64) },
      { type: 4, bytes: pvhNote(0x100000) },
    ]),
    elf(64, 0x100000, [
      { type: 1, address: 0x100000, bytes: new Uint8Array(64) },
      { type: 4, bytes: pvhNote(0x100000, 8) },
    ]),
    new Uint8Array([...multibootHeader(0x10003, [0x200000, 0x200000, 0x200040, 0x200080, 0x200020]), ...new Uint8Array(64)]),
  ];
  const damage = fc.record({
    kernel: fc.constantFrom(...kernels),
    length: fc.nat(6000),
    changes: fc.array(fc.record({ at: fc.nat(800), value: fc.constantFrom(0, 1, 4, 0x7f, 0x80, 0xff) }), { maxLength: 8 }),
  });

  it('is either loaded or refused with a clear error, and a refusal leaves memory alone', () => {
    fc.assert(
      fc.property(damage, ({ kernel, length, changes }) => {
        const bytes = kernel.slice(0, length);
        for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value;
        try {
          loadKernel(loadRequest(bytes, { memory }));
          memory.fill(0xa5);
        } catch (error) {
          if (!(error instanceof HypervisorError)) throw error;
          // All of the memory would take too long a thousand times; loaders write at these places first.
          expect([0x1000, 0x10000, 0x20000, 0x100000, 0x200000, 0x1000000].every((at) => memory[at] === 0xa5)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
