import { describe, expect, it } from 'vitest';
import { loadKernel } from '../../../../runtime/loader/index.ts';
import { bzImage, cString, guestMemory, loadRequest, reader } from './kernel-images.ts';

describe('bzImage', () => {
  it('starts in flat protected mode with ESI at the zero page and the kernel at its preferred address', () => {
    const request = loadRequest(bzImage());
    const state = loadKernel(request);
    expect(state).toMatchObject({
      mode: 'protected32',
      rip: 0x1000000,
      registers: { esi: 0x10000, ebx: 0, edi: 0, ebp: 0 },
      segments: {
        code: { selector: 0x10, base: 0, limit: 0xffffffff, accessRights: 0xc09b },
        data: { selector: 0x18, base: 0, limit: 0xffffffff, accessRights: 0xc093 },
      },
    });
    expect(request.memory.subarray(0x1000000, 0x1001000).every((byte) => byte === 0x5a)).toBe(true);
    expect(request.memory.subarray(0x1001000, 0x1100000).every((byte) => byte === 0)).toBe(true);
    expect(request.memory[0x1100000]).toBe(0xa5);
  });

  it('fills in the zero page', () => {
    const ramdisk = new Uint8Array(5000).fill(0x77);
    const request = loadRequest(bzImage(), { ramdisk, commandLine: 'console=ttyS0 quiet' });
    loadKernel(request);
    const { u32, u64 } = reader(request.memory);
    const page = 0x10000;
    expect(u32(page + 0x202)).toBe(0x53726448);
    expect(request.memory[page + 0x210]).toBe(0xff);
    expect(request.memory[page + 0x1e8]).toBe(3);
    expect(u32(page + 0x214)).toBe(0x1000000);
    expect([u64(page + 0x2d0 + 40), u64(page + 0x2d8 + 40), u32(page + 0x2e0 + 40)]).toEqual([0x100000, request.memory.length - 0x100000, 1]);
    expect(u64(page + 0x70)).toBe(0xe0000);
    expect(cString(request.memory, u32(page + 0x228))).toBe('console=ttyS0 quiet');
    const at = u32(page + 0x218);
    expect(u32(page + 0x21c)).toBe(5000);
    expect(at % 4096).toBe(0);
    expect(at).toBe(request.memory.length - 8192);
    expect(request.memory.subarray(at, at + 5000)).toEqual(ramdisk);
  });

  it('keeps everything between the header and the E820 map zero', () => {
    const request = loadRequest(bzImage());
    loadKernel(request);
    expect(request.memory.subarray(0x10000 + 0x268, 0x10000 + 0x2d0).every((byte) => byte === 0)).toBe(true);
    expect(request.memory.subarray(0x10000 + 0x78, 0x10000 + 0x1e0).every((byte) => byte === 0)).toBe(true);
  });

  it('keeps the ramdisk below initrd_addr_max and out of reserved memory', () => {
    const below = loadRequest(bzImage({ initrdMax: 0x17fffff }), { ramdisk: new Uint8Array(4096) });
    loadKernel(below);
    expect(reader(below.memory).u32(0x10218)).toBe(0x17ff000);
    const memory = guestMemory(32);
    const e820 = [
      { base: 0, length: 0x9fc00, type: 1 },
      { base: 0x100000, length: memory.length - 0x100000, type: 1 },
      { base: memory.length - 0x10000, length: 0x10000, type: 3 },
    ];
    loadKernel(loadRequest(bzImage(), { ramdisk: new Uint8Array(4096), memory, e820 }));
    expect(reader(memory).u32(0x10218)).toBe(memory.length - 0x11000);
  });

  it('loads a kernel that cannot be relocated at 1 MiB', () => {
    const state = loadKernel(loadRequest(bzImage({ relocatable: false })));
    expect(state.rip).toBe(0x100000);
    expect(loadKernel(loadRequest(bzImage({ version: 0x202 }))).rip).toBe(0x100000);
  });

  it('takes the 64-bit entry only when asked and there is one', () => {
    const request = loadRequest(bzImage({ has64BitEntry: true }), { longMode: true });
    const state = loadKernel(request);
    expect(state).toMatchObject({
      mode: 'long64',
      rip: 0x1000200,
      segments: { code: { accessRights: 0xa09b } },
    });
    const { u64 } = reader(request.memory);
    const tables = state.pageTables ?? 0;
    const directoryPointers = u64(tables) & ~0xfff;
    const thirdDirectory = u64(directoryPointers + 16) & ~0xfff;
    expect(u64(thirdDirectory + 8 * 5)).toBe(2 * 2 ** 30 + 5 * 0x200000 + 0x83);
    expect(loadKernel(loadRequest(bzImage(), { longMode: true })).mode).toBe('protected32');
    expect(loadKernel(loadRequest(bzImage({ has64BitEntry: true }))).mode).toBe('protected32');
  });

  it('writes a descriptor table that says what the segments say', () => {
    const request = loadRequest(bzImage());
    const { gdt } = loadKernel(request);
    const { u32 } = reader(request.memory);
    const at = gdt?.address ?? 0;
    const descriptor = (selector: number): number[] => [u32(at + selector), u32(at + selector + 4)];
    expect(gdt?.limit).toBe(0x27);
    expect(descriptor(0)).toEqual([0, 0]);
    expect(descriptor(0x10)).toEqual([0xffff, 0x00cf9b00]);
    expect(descriptor(0x18)).toEqual([0xffff, 0x00cf9300]);
    expect(descriptor(0x20)).toEqual([0x67, 0x00008b00]);
  });

  it.each([
    ['too little memory', loadRequest(bzImage({ initBytes: 0x2000000 })), /does not fit into 32 MiB/],
    ['a ramdisk too large', loadRequest(bzImage(), { ramdisk: new Uint8Array(0x2000000) }), /no place for its ramdisk/],
    ['a long command line', loadRequest(bzImage({ commandLineMax: 10 }), { commandLine: 'x'.repeat(11) }), /has 11 bytes, kernel takes 10/],
    ['a NUL in the command line', loadRequest(bzImage(), { commandLine: 'a\0b' }), /NUL/],
    ['an old protocol', loadRequest(bzImage({ version: 0x200 })), /boot protocol 2\.00/],
    ['a zImage', loadRequest(bzImage({ loadFlags: 0 })), /zImage/],
    ['a file cut off', loadRequest(bzImage().subarray(0, 3000)), /cut off/],
    ['a preferred address out of reach', loadRequest(bzImage({ prefAddress: 2 ** 52 })), /does not fit/],
  ])('refuses %s and leaves memory alone', (_name, request, message) => {
    expect(() => loadKernel(request)).toThrow(message);
    expect(request.memory.every((byte) => byte === 0xa5)).toBe(true);
  });
});
