import { describe, expect, it } from 'vitest';
import { loadKernel } from '../../../../runtime/loader/index.ts';
import { cString, elf, loadRequest, note, pvhNote, reader } from './kernel-images.ts';

const code = new Uint8Array(64).fill(0x90);

describe.each([32, 64] as const)('PVH in an ELF%i file', (bits) => {
  const kernel = elf(bits, 0x9999, [
    { type: 1, address: 0x100000, virtual: 0xc0100000, bytes: code, memorySize: 256 },
    {
      type: 4,
      bytes: new Uint8Array([...note('GNU', 18, new Uint8Array(3)), ...pvhNote(0x100010, bits === 64 ? 8 : 4)]),
    },
  ]);

  it("enters at the note's address with EBX at the start info", () => {
    const request = loadRequest(kernel, {
      ramdisk: new Uint8Array(100).fill(7),
      commandLine: 'a b',
    });
    const state = loadKernel(request);
    const info = state.registers.ebx ?? 0;
    const { u32, u64 } = reader(request.memory);
    expect(state).toMatchObject({
      mode: 'protected32',
      rip: 0x100010,
      segments: { task: { limit: 0x67, accessRights: 0x8b } },
    });
    expect([u32(info), u32(info + 4), u32(info + 8), u32(info + 12)]).toEqual([0x336ec578, 1, 0, 1]);
    expect(cString(request.memory, u64(info + 24))).toBe('a b');
    expect(u64(info + 32)).toBe(0xe0000);
    const map = u64(info + 40);
    expect([u32(info + 48), u64(map + 48), u64(map + 56), u32(map + 64)]).toEqual([3, 0x100000, request.memory.length - 0x100000, 1]);
    const module = u64(info + 16);
    expect([u64(module) % 4096, u64(module + 8)]).toEqual([0, 100]);
    expect(request.memory.subarray(u64(module), u64(module) + 100).every((byte) => byte === 7)).toBe(true);
  });

  it('clears what the file does not fill', () => {
    const request = loadRequest(kernel);
    loadKernel(request);
    expect(request.memory.subarray(0x100000, 0x100040)).toEqual(code);
    expect(request.memory.subarray(0x100040, 0x100100).every((byte) => byte === 0)).toBe(true);
    expect(request.memory[0x100100]).toBe(0xa5);
  });

  it('has no module without a ramdisk', () => {
    const request = loadRequest(kernel);
    const info = loadKernel(request).registers.ebx ?? 0;
    expect([reader(request.memory).u32(info + 12), reader(request.memory).u64(info + 16)]).toEqual([0, 0]);
  });
});

describe('a hostile ELF file', () => {
  const load = { type: 1, address: 0x100000, bytes: code };
  const pvh = { type: 4, bytes: pvhNote(0x100000) };
  it.each([
    ['an entry outside its segments', elf(32, 0, [load, { type: 4, bytes: pvhNote(0x5000) }]), /lies outside its segments/],
    ['a segment beyond memory', elf(32, 0, [{ ...load, memorySize: 0xf0000000 }, pvh]), /does not fit/],
    ['a segment in the ROM area', elf(32, 0, [load, { ...load, address: 0xa0000 }, pvh]), /not all RAM/],
    ['segments that overlap', elf(32, 0, [load, { ...load, address: 0x100020 }, pvh]), /overlaps/],
    ['a 64-bit address', elf(64, 0, [load, { ...load, address: 2 ** 60 }, pvh]), /beyond all addresses/],
    ['no note', elf(64, 0x100000, [load]), /ELF file without a PVH note/],
    ['no program headers', elf(32, 0, []), /0 program headers/],
  ])('is refused for %s', (_name, kernel, message) => {
    const request = loadRequest(kernel);
    expect(() => loadKernel(request)).toThrow(message);
    expect(request.memory.every((byte) => byte === 0xa5)).toBe(true);
  });

  it('is refused for another processor', () => {
    const kernel = elf(64, 0, [load]);
    kernel[18] = 183;
    expect(() => loadKernel(loadRequest(kernel))).toThrow(/another processor \(machine 183\)/);
  });
});
