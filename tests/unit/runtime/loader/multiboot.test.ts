import { describe, expect, it } from 'vitest';
import { readFallbackGuest } from '../../../../runtime/image/index.ts';
import { loadKernel } from '../../../../runtime/loader/index.ts';
import { cString, elf, loadRequest, multibootHeader, reader } from './kernel-images.ts';

const RAMDISK = new Uint8Array(300).fill(9);

/** A flat binary: 16 bytes, the header with address fields, code up to 128 bytes. */
function flatKernel(flags = 0x10003, entry = 0x200030): Uint8Array {
  const image = new Uint8Array(128).fill(0x90);
  image.set(multibootHeader(flags, [0x200010, 0x200000, 0x200080, 0x200100, entry]), 16);
  return image;
}

function elfKernel(entry: number, virtual = 0x200000): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(multibootHeader(0));
  return elf(32, entry, [{ type: 1, address: 0x200000, virtual, bytes }]);
}

describe('multiboot', () => {
  it('hands over the information structure', () => {
    const request = loadRequest(elfKernel(0x200010), {
      ramdisk: RAMDISK,
      commandLine: 'x=1',
      kernelName: 'toy',
    });
    const state = loadKernel(request);
    expect(state).toMatchObject({
      mode: 'protected32',
      rip: 0x200010,
      registers: { eax: 0x2badb002 },
    });
    const { u32, u64 } = reader(request.memory);
    const info = state.registers.ebx ?? 0;
    expect(u32(info) & 0x24d).toBe(0x24d);
    expect([u32(info + 4), u32(info + 8)]).toEqual([639, 31 * 1024]);
    expect(cString(request.memory, u32(info + 16))).toBe('toy x=1');
    expect(cString(request.memory, u32(info + 64))).toBe('Xylem');
    const module = u32(info + 24);
    expect([u32(info + 20), u32(module + 4) - u32(module), u32(module) % 4096]).toEqual([1, 300, 0]);
    expect(request.memory.subarray(u32(module), u32(module + 4))).toEqual(RAMDISK);
    const map = u32(info + 48);
    expect([u32(info + 44), u32(map), u64(map + 4), u64(map + 12), u32(map + 20)]).toEqual([72, 20, 0, 0x9fc00, 1]);
    expect([u32(map + 24), u64(map + 28), u32(map + 44)]).toEqual([20, 0x9fc00, 2]);
  });

  it('loads by the address fields and clears up to the end of bss', () => {
    const request = loadRequest(flatKernel());
    expect(loadKernel(request).rip).toBe(0x200030);
    expect(request.memory.subarray(0x200000, 0x200080)).toEqual(request.kernel);
    expect(request.memory.subarray(0x200080, 0x200100).every((byte) => byte === 0)).toBe(true);
    expect(request.memory[0x200100]).toBe(0xa5);
  });

  it('turns a virtual entry point into the physical one', () => {
    expect(loadKernel(loadRequest(elfKernel(0xc0200010, 0xc0200000))).rip).toBe(0x200010);
  });

  it.each([
    ['features that nobody knows', flatKernel(0x10008), /requires features 0x8/],
    ['an entry outside', flatKernel(0x10003, 0x300000), /entry point 0x300000 lies outside/],
    ['an ELF entry outside', elfKernel(0x300000), /entry point 0x300000 lies outside/],
    ['neither ELF nor addresses', flatKernel(3), /neither an ELF file nor says/],
  ])('refuses %s', (_name, kernel, message) => {
    const request = loadRequest(kernel);
    expect(() => loadKernel(request)).toThrow(message);
    expect(request.memory.every((byte) => byte === 0xa5)).toBe(true);
  });

  it('loads the small guest that comes with Xylem', async () => {
    const kernel = await readFallbackGuest();
    expect(kernel.length).toBeLessThan(40 * 1024);
    const state = loadKernel(loadRequest(kernel));
    expect(state.registers.eax).toBe(0x2badb002);
    expect(state.rip).toBe(0x10000c);
  });
});
