import { beforeAll, describe, expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { CODE, DATA, SnippetMachine } from '../support/snippet-machine.ts';

const PI = '4000c90fdaa22168c235';
const ONE = '3fff8000000000000000';
const ZERO = '00000000000000000000';

const extended = (machine: SnippetMachine, at: number): string =>
  Buffer.from(new Uint8Array(machine.ram.buffer, at, 10))
    .reverse()
    .toString('hex');
const word = (machine: SnippetMachine, at: number): number => machine.ram.getUint16(at, true);
const dword = (machine: SnippetMachine, at: number): number => machine.ram.getUint32(at, true);

// generates the interpreter when its sources have changed
beforeAll(async () => void (await loadInterpreter()), 240_000);

describe('x87 images', () => {
  it('stores and loads the 32-bit environment', async () => {
    const m = await SnippetMachine.create('protected');
    // fldpi; fld1; fnstenv [20000]; fnstcw [20040]; fninit; fldenv [20000]; fnstenv [20080]
    expect(m.run('d9eb d9e8 d93500000200 d93d40000200 dbe3 d92500000200 d93580000200 f4')).toBe('halt');
    expect([0, 4, 8].map((i) => dword(m, DATA + i))).toEqual([0xffff037f, 0xffff3000, 0xffff0fff]);
    expect(dword(m, DATA + 12)).toBe(CODE + 2); // FLD1
    expect(word(m, DATA + 0x40)).toBe(0x37f);
    expect([0, 4, 8, 12].map((i) => dword(m, DATA + 0x80 + i))).toEqual([0, 4, 8, 12].map((i) => dword(m, DATA + i)));
  });

  it('stores the 16-bit environment', async () => {
    const m = await SnippetMachine.create('protected');
    m.ram.setUint16(DATA + 14, 0xabcd, true);
    // fldpi; fld1; o16 fnstenv [20000]
    expect(m.run('d9eb d9e8 66d93500000200 f4')).toBe('halt');
    expect([0, 2, 4, 6, 14].map((i) => word(m, DATA + i))).toEqual([0x37f, 0x3000, 0x0fff, 2, 0xabcd]);
  });

  it('holds linear addresses in real mode', async () => {
    const m = await SnippetMachine.create('real');
    // fld1; fld dword [4]; fnstenv [10]
    expect(m.run('d9e8 d9060400 d9361000 f4')).toBe('halt');
    expect([6, 8, 10, 12].map((i) => word(m, DATA + 0x10 + i))).toEqual([2, 0x1000, 4, 0x2000]);
  });

  it('works out the opcode of an unmasked exception', async () => {
    const m = await SnippetMachine.create('protected');
    m.ram.setUint16(DATA, 0x37b, true);
    // fldcw [20000]; fld1; fldz; fdivp; fnstenv [20010]
    expect(m.run('d92d00000200 d9e8 d9ee def9 d93510000200 f4')).toBe('halt');
    expect(dword(m, DATA + 0x10 + 12)).toBe(CODE + 10);
    expect(dword(m, DATA + 0x10 + 16) >>> 16).toBe(0x6f9);
    expect(word(m, DATA + 0x14) & 0x8084).toBe(0x8084);
  });

  it('saves and restores the whole unit', async () => {
    const m = await SnippetMachine.create('protected');
    // fld1; fldpi; fldz; fnsave [20000]; fnstsw ax; frstor [20000]; fstp tword [20100], [20110], [20120]
    expect(m.run('d9e8 d9eb d9ee dd3500000200 dfe0 dd2500000200 db3d00010200 db3d10010200 db3d20010200 f4')).toBe('halt');
    expect(m.register(0, 16)).toBe(0n);
    expect([0x100, 0x110, 0x120].map((i) => extended(m, DATA + i))).toEqual([ZERO, PI, ONE]);
    expect(extended(m, DATA + 28 + 10)).toBe(PI);
  });

  it('saves and restores with FXSAVE64 and XSAVE', async () => {
    const m = await SnippetMachine.create('long');
    // fldpi; fxsave64 [20000]; fninit; fxrstor64 [20000]; fstp tword [20300]
    expect(m.run('d9eb 480fae042500000200 dbe3 480fae0c2500000200 db3c2500030200 f4')).toBe('halt');
    expect(extended(m, DATA + 0x300)).toBe(PI);
    expect(extended(m, DATA + 32)).toBe(PI);
    // fldpi; mov eax, 7; xor edx, edx; xsave [21000]; fninit; mov eax, 7; xrstor [21000]; fstp tword [20310]; xor ecx, ecx; xgetbv
    expect(m.run('d9eb b807000000 31d2 0fae242500100200 dbe3 b807000000 0fae2c2500100200 db3c2510030200 31c9 0f01d0 f4')).toBe('halt');
    expect(extended(m, DATA + 0x310)).toBe(PI);
    expect(m.register(0)).toBe(3n);
  });

  it('leaves unit and memory alone when FSTP m80 faults on its second page', async () => {
    const m = await SnippetMachine.create('long');
    // fldpi; fstp tword [3ffff8]
    expect(m.run('d9eb db3c25f8ff3f00 f4')).toBe('fault 14');
    expect(m.ram.getBigUint64(0x3ffff8, true)).toBe(0n);
    // fnstsw ax; fstp tword [20000]
    expect(m.run('dfe0 db3c2500000200 f4')).toBe('halt');
    expect(m.register(0, 16)).toBe(0x3800n);
    expect(extended(m, DATA)).toBe(PI);
  });

  it('moves 80-bit values and compares to EFLAGS', async () => {
    const m = await SnippetMachine.create('long');
    // fldpi; fld st0; fstp tword [20000]; fld tword [20000]; fcomip st1; setz al
    expect(m.run('d9eb d9c0 db3c2500000200 db2c2500000200 dff1 0f94c0 f4', { 0: 0n })).toBe('halt');
    expect(m.register(0, 8)).toBe(1n);
  });

  it('raises #NM from FWAIT only when CR0.MP and CR0.TS are set', async () => {
    const m = await SnippetMachine.create('protected');
    // mov eax, cr0; or al, 8 (TS, MP set before); mov cr0, eax; wait
    expect(m.run('0f20c0 0c0a 0f22c0 9b f4')).toBe('fault 7');
    // and al, not 2; mov cr0, eax; wait; fnop
    expect(m.run('0f20c0 24fd 0f22c0 9b d9d0 f4')).toBe('fault 7');
    expect(m.core.rip).toBe(BigInt(CODE + 9));
  });
});
