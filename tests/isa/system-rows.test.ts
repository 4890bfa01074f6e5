import { beforeAll, describe, expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { DATA, CODE, SELECTOR, SnippetMachine } from '../support/snippet-machine.ts';

const hex = (value: bigint): string => value.toString(16);

// generates the interpreter when its sources have changed
beforeAll(async () => void (await loadInterpreter()), 240_000);

describe('segment registers and selectors', () => {
  it('moves, pushes and pops segment registers in 32-bit code', async () => {
    const m = await SnippetMachine.create('protected');
    m.ram.setUint16(DATA, SELECTOR.data, true);
    m.ram.setUint32(DATA + 0x10, 0xffffffff, true);
    // mov ax, 33; mov fs, ax; mov ebx, fs; mov gs, [20000]; mov [20010], gs; push fs; pop gs; mov dx, gs; o16 push gs; pop cx
    expect(m.run('66b83300 8ee0 8ce3 8e2d00000200 8c2d10000200 0fa0 0fa9 668cea 660fa8 6659 f4', { 1: 0xffff0000n, 2: 0xffff0000n, 3: -1n })).toBe('halt');
    expect([1, 2, 3].map((i) => hex(m.register(i, 32)))).toEqual(['ffff0033', 'ffff0033', '33']);
    expect(m.ram.getUint32(DATA + 0x10, true)).toBe(0xffff0010);
  });

  it('pushes and pops 64-bit slots in 64-bit code', async () => {
    const m = await SnippetMachine.create('long');
    // mov eax, 33; mov fs, eax; mov ebx, fs; push fs; pop rcx; push fs; pop gs; mov dx, gs
    expect(m.run('b833000000 8ee0 8ce3 0fa0 59 0fa0 0fa9 668cea f4', { 2: -1n, 3: -1n })).toBe('halt');
    expect([1, 2, 3].map((i) => hex(m.register(i) & 0xffffn))).toEqual(['33', '33', '33']);
    expect(hex(m.register(3))).toBe('33');
    expect(m.register(4)).toBe(0x38000n);
  });

  it('loads far pointers', async () => {
    const m = await SnippetMachine.create('protected');
    m.ram.setUint32(DATA, 0x12345678, true);
    m.ram.setUint16(DATA + 4, SELECTOR.userData, true);
    m.ram.setUint32(DATA + 8, (SELECTOR.data << 16) | 0xbeef, true);
    // les edi, [20000]; lfs si, [20008]; mov ax, es; mov bx, fs
    expect(m.run('c43d00000200 660fb43508000200 668cc0 668ce3 f4', { 6: -1n })).toBe('halt');
    expect([7, 6].map((i) => hex(m.register(i, 32)))).toEqual(['12345678', 'ffffbeef']);
    expect([0, 3].map((i) => hex(m.register(i, 16)))).toEqual(['33', '10']);
  });

  it('loads far pointers through an override in real mode', async () => {
    const m = await SnippetMachine.create('real');
    m.ram.setUint32(0x30, (0x1234 << 16) | 0x5678, true);
    // lds si, [es:bp+10]; mov ax, ds
    expect(m.run('26c57610 8cd8 f4', { 5: 0x20n })).toBe('halt');
    expect([6, 0].map((i) => hex(m.register(i, 16)))).toEqual(['5678', '1234']);
  });

  it('reads system selectors and descriptors', async () => {
    const m = await SnippetMachine.create('protected');
    // sldt eax; str bx; smsw ecx; str [20000]; mov dx, 2b; lar esi, dx; setz [20002]; lsl edi, dx; mov dx, 58; lar ebp, dx;
    // setz [20003]; mov dx, 33; verw dx; setz [20004]; verr dx; setz [20005]
    expect(
      m.run(
        '0f00c0 660f00cb 0f01e1 0f000d00000200 66ba2b00 0f02f2 0f940502000200 0f03fa 66ba5800 0f02ea 0f940503000200 66ba3300 0f00ea 0f940504000200 0f00e2 0f940505000200 f4',
        { 0: -1n, 3: 0xffff0000n, 5: 0x77n },
      ),
    ).toBe('halt');
    expect(hex(m.register(0, 32))).toBe('48');
    expect(hex(m.register(3, 32))).toBe('ffff0038');
    expect(hex(m.register(1, 32))).toBe('33');
    expect([6, 7, 5].map((i) => hex(m.register(i, 32)))).toEqual(['cffb00', 'ffffffff', '77']);
    expect([0, 2, 3, 4, 5].map((i) => m.ram.getUint8(DATA + i))).toEqual([0x38, 1, 0, 1, 1]);
  });

  it('adjusts privilege levels with ARPL', async () => {
    const m = await SnippetMachine.create('protected');
    // mov ax, 10; mov bx, 13; arpl ax, bx; setz cl; arpl ax, bx; setz ch; mov word [20000], 20; arpl [20000], bx
    expect(m.run('66b81000 66bb1300 63d8 0f94c1 63d8 0f94c5 66c705000002002000 631d00000200 f4')).toBe('halt');
    expect([0, 1].map((i) => hex(m.register(i, 16)))).toEqual(['13', '1']);
    expect(m.ram.getUint16(DATA, true)).toBe(0x23);
    const real = await SnippetMachine.create('real');
    expect(real.run('63c0 f4')).toBe('fault 6');
  });

  it('reads and writes segment bases', async () => {
    const m = await SnippetMachine.create('long');
    // mov rax, 123456789000; wrfsbase rax; rdfsbase rbx; rdfsbase ecx; wrgsbase rcx; rdgsbase rdx; mov esi, 7777; mov ecx, c0000102;
    // mov eax, esi; xor edx, edx; wrmsr; swapgs; rdgsbase rdi; rdmsr
    expect(
      m.run('48b80090785634120000 f3480faed0 f3480faec3 f30faec1 f3480faed9 f3480faeca be77770000 b9020100c0 89f0 31d2 0f30 0f01f8 f3480faecf 0f32 f4'),
    ).toBe('halt');
    expect([3, 7, 0].map((i) => hex(m.register(i)))).toEqual(['123456789000', '7777', '56789000']);
  });
});

describe('stack frames and ranges', () => {
  it('enters and leaves frames', async () => {
    const m = await SnippetMachine.create('protected');
    m.ram.setUint32(0x36ffc, 0xabcd, true);
    // mov ebp, 12345678; enter 20, 0; mov eax, ebp; mov ebx, esp; leave; mov ecx, ebp; push 37000; pop ebp; enter 8, 2;
    // mov edx, ebp; mov esi, [ebp-4]
    expect(m.run('bd78563412 c8200000 89e8 89e3 c9 89e9 6800700300 5d c8080002 89ea 8b75fc f4')).toBe('halt');
    expect([0, 3, 1, 2, 6].map((i) => hex(m.register(i, 32)))).toEqual(['37ffc', '37fdc', '12345678', '37ffc', 'abcd']);
    expect(hex(m.register(4, 32))).toBe('37fec');
    const long = await SnippetMachine.create('long');
    expect(long.run('bd78563412 c8200000 4889e8 4889e3 c9 4889e9 f4')).toBe('halt');
    expect([0, 3, 1].map((i) => hex(long.register(i)))).toEqual(['37ff8', '37fd8', '12345678']);
  });

  it('checks bounds', async () => {
    const m = await SnippetMachine.create('protected');
    m.ram.setUint32(DATA, 5, true);
    m.ram.setUint32(DATA + 4, 9, true);
    // mov ecx, 9; bound ecx, [20000]; mov ecx, 10; bound ecx, [20000]
    expect(m.run('b909000000 620d00000200 b90a000000 620d00000200 f4')).toBe('fault 5');
    expect(m.core.rip).toBe(BigInt(CODE + 16));
  });

  it('pushes and pops flags and all registers', async () => {
    const m = await SnippetMachine.create('protected');
    // cli; pushfd; pop eax; sti; pushf; pop bx; push 246; popfd; pushfd; pop ecx; pushad; popad; o16 pusha; o16 popa
    expect(m.run('fa 9c 58 fb 669c 665b 6846020000 9d 9c 59 60 61 6660 6661 f4', { 5: 0x55n, 7: 0x77n })).toBe('halt');
    expect(m.register(0, 32) & 0x200n).toBe(0n);
    expect(m.register(3, 16) & 0x200n).toBe(0x200n);
    expect([1, 4, 5, 7].map((i) => hex(m.register(i, 32)))).toEqual(['246', '38000', '55', '77']);
    const long = await SnippetMachine.create('long');
    // push 246; popfq; pushfq; pop rax; o16 pushf; pop bx
    expect(long.run('6846020000 9d 9c 58 669c 665b f4', { 3: 0n })).toBe('halt');
    expect([0, 3, 4].map((i) => hex(long.register(i)))).toEqual(['246', '246', '38000']);
  });
});

describe('strings and ports', () => {
  it('repeats, in 32-bit code', async () => {
    const m = await SnippetMachine.create('protected');
    for (let i = 0; i < 0x60; i++) m.ram.setUint8(DATA + i, i);
    // mov esi, 20000; mov edi, 20040; mov ecx, 5; rep movsd; mov al, 5a; mov ecx, 3; rep stosb; lodsw; scasb; cmpsb
    expect(m.run('be00000200 bf40000200 b905000000 f3a5 b05a b903000000 f3aa 66ad ae a6 f4')).toBe('halt');
    expect([1, 6, 7].map((i) => hex(m.register(i, 32)))).toEqual(['0', '20017', '20059']);
    expect(hex(m.register(0, 16))).toBe('1514');
    expect([0x40, 0x53, 0x54, 0x56, 0x57].map((i) => m.ram.getUint8(DATA + i))).toEqual([0, 0x13, 0x5a, 0x5a, 0x57]);
  });

  it('takes overrides and address sizes', async () => {
    const real = await SnippetMachine.create('real');
    real.ram.setUint32(0x10, 0x44332211, true);
    // mov si, 10; mov di, 20; mov cx, 4; rep es movsb
    expect(real.run('be1000 bf2000 b90400 f326a4 f4')).toBe('halt');
    expect(real.ram.getUint32(0x20, true)).toBe(0x44332211);
    const m = await SnippetMachine.create('long');
    m.ram.setBigUint64(DATA + 0x18, 0x1122334455667788n, true);
    // mov rsi, 20000; mov rdi, 20040; mov rcx, 3; rep movsq; a32 lodsq; mov ecx, 2; a32 rep stosw
    expect(m.run('48be0000020000000000 bf40000200 b903000000 f348a5 6748ad b902000000 f36667ab f4')).toBe('halt');
    expect([0, 6, 7].map((i) => hex(m.register(i)))).toEqual(['1122334455667788', '20020', '2005c']);
    expect(m.ram.getUint32(DATA + 0x58, true)).toBe(0x77887788);
  });

  it('reaches ports', async () => {
    const m = await SnippetMachine.create('real');
    m.ram.setUint8(DATA, 0x42);
    // mov al, 1; out 60, al; mov dx, 1f0; in ax, dx; mov bx, ax; in eax, dx; out dx, eax; in al, 61; xor di, di; mov cx, 2; rep insw; xor si, si; outsb
    expect(m.run('b001 e660 baf001 ed 89c3 66ed 66ef e461 31ff b90200 f36d 31f6 6e f4')).toBe('halt');
    expect(m.ports).toEqual(['out 60/1 1', 'in 1f0/2', 'in 1f0/4', 'out 1f0/4 11223534', 'in 61/1', 'in 1f0/2', 'in 1f0/2', 'out 1f0/1 42']);
    expect([3, 0].map((i) => hex(m.register(i, 16)))).toEqual(['3534', '35a5']);
    expect(m.ram.getUint32(0, true)).toBe(0x35343534);
  });
});

describe('far transfers and interrupts', () => {
  it('calls and jumps far in 32-bit code', async () => {
    const m = await SnippetMachine.create('protected');
    m.ram.setUint32(DATA, CODE + 0x40, true);
    m.ram.setUint16(DATA + 4, SELECTOR.code32, true);
    // call 8:1000f; mov ebx, esp; jmp far [20000]; 1000f: mov eax, esp; retf; 10040: mov ecx, 77
    m.ram.setUint32(CODE + 0x40, 0x000077b9, true);
    m.ram.setUint16(CODE + 0x44, 0xf400, true);
    expect(m.run('9a0f0001000800 89e3 ff2d00000200 89e0 cb')).toBe('halt');
    expect([0, 3, 1].map((i) => hex(m.register(i, 32)))).toEqual(['37ff8', '38000', '77']);
  });

  it('calls far through a 64-bit pointer', async () => {
    const m = await SnippetMachine.create('long');
    m.ram.setBigUint64(DATA, BigInt(CODE + 0x40), true);
    m.ram.setUint16(DATA + 8, SELECTOR.code64, true);
    // call far qword [20000]; mov rbx, rsp; 10040: mov rax, rsp; o64 retf
    m.ram.setBigUint64(CODE + 0x40, 0xcb48e08948n, true);
    expect(m.run('48ff1c2500000200 4889e3 f4')).toBe('halt');
    expect([0, 3].map((i) => hex(m.register(i)))).toEqual(['37ff0', '38000']);
  });

  it('raises software interrupts and returns', async () => {
    const m = await SnippetMachine.create('protected');
    m.gate(0x30, CODE + 0x40);
    m.gate(3, CODE + 0x40);
    m.core.stopOnFault = false;
    // 10040: mov eax, [esp]; iretd
    m.ram.setUint32(CODE + 0x40, 0xcf24048b, true);
    // int 30; mov ebx, eax; int3; mov ecx, eax; pushfd; push 8; push 10013; iretd; 10010..: mov edx, 99
    expect(m.run('cd30 89c3 cc 89c1 9c 6a08 6810000100 cf ba99000000 f4')).toBe('halt');
    expect([3, 1, 2].map((i) => hex(m.register(i, 32)))).toEqual(['10002', '10005', '99']);
    const real = await SnippetMachine.create('real');
    real.gate(0x30, CODE + 0x40);
    // 40: mov bp, sp; mov ax, [bp]; iret
    real.ram.setUint32(CODE + 0x40, 0x468be589, true);
    real.ram.setUint16(CODE + 0x44, 0xcf00, true);
    expect(real.run('cd30 89c3 9c 0e 680a00 cf ba9900 f4')).toBe('halt');
    expect([3, 2].map((i) => hex(real.register(i, 16)))).toEqual(['2', '99']);
  });

  it('enters the system call handler', async () => {
    const m = await SnippetMachine.create('long');
    // mov ecx, c0000082; mov eax, 10040; xor edx, edx; wrmsr; mov ecx, c0000081; mov edx, 00230018; xor eax, eax; wrmsr; syscall
    m.ram.setUint32(CODE + 0x40, 0xf4cb8948, true); // mov rbx, rcx; hlt
    expect(m.run('b9820000c0 b840000100 31d2 0f30 b9810000c0 ba18002300 31c0 0f30 0f05')).toBe('halt');
    expect(hex(m.register(3))).toBe('1001e');
  });
});

describe('control', () => {
  it('moves descriptor-table registers', async () => {
    const m = await SnippetMachine.create('protected');
    // sgdt [20000]; sidt [20010]; lgdt [20000]; lidt [20010]; o16 sgdt [20020]
    expect(m.run('0f010500000200 0f010d10000200 0f011500000200 0f011d10000200 660f010520000200 f4')).toBe('halt');
    expect([0, 0x10].map((i) => [m.ram.getUint16(DATA + i, true), m.ram.getUint32(DATA + i + 2, true)])).toEqual([
      [0x57, 0x1000],
      [0x7ff, 0x2000],
    ]);
    const long = await SnippetMachine.create('long');
    long.ram.setBigUint64(DATA + 2, -1n, true);
    // sgdt [20000]; lgdt [20000]
    expect(long.run('0f010425 00000200 0f011425 00000200 f4')).toBe('halt');
    expect(long.ram.getBigUint64(DATA + 2, true)).toBe(0x1000n);
  });

  it('moves control and debug registers', async () => {
    const m = await SnippetMachine.create('protected');
    // mov eax, cr0; mov ebx, eax; or eax, 8; mov cr0, eax; smsw cx; clts; mov edx, cr0; mov eax, cr4; mov esi, eax; mov eax, 55;
    // mov dr2, eax; mov edi, dr2; lmsw bx; invlpg [20000]; wbinvd
    expect(m.run('0f20c0 89c3 83c808 0f22c0 660f01e1 0f06 0f20c2 0f20e0 89c6 b855000000 0f23d0 0f21d7 0f01f3 0f013d00000200 0f09 f4', { 1: 0n })).toBe('halt');
    expect([3, 1, 2, 6, 7].map((i) => hex(m.register(i, 32)))).toEqual(['33', '3b', '33', '50620', '55']);
    const long = await SnippetMachine.create('long');
    // mov rax, cr3; mov rbx, cr4; mov r9d, 6; mov cr8, r9; mov rcx, cr8; mov r10d, 123; mov dr1, r10; mov rdx, dr1; mov cr3, rax; invlpg [20000]
    expect(long.run('0f20d8 0f20e3 41b906000000 450f22c1 440f20c1 41ba23010000 410f23ca 0f21ca 0f22d8 0f013c2500000200 f4')).toBe('halt');
    expect([0, 3, 1, 2].map((i) => hex(long.register(i)))).toEqual(['40000', '50620', '6', '123']);
  });

  it('answers CPUID, clocks, MSRs and random numbers', async () => {
    const m = await SnippetMachine.create('long');
    // mov eax, 7; mov ecx, 9; cpuid; mov r8, rbx; mov r9, rcx; rdtsc; mov r10, rax; mov r11, rdx; mov ecx, 8b; rdmsr; rdrand rsi; setc dil; rdrand cx; rdseed r12d
    expect(m.run('b807000000 b909000000 0fa2 4989d8 4989c9 0f31 4989c2 4989d3 b98b000000 0f32 480fc7f6 400f92c7 660fc7f1 410fc7fc f4')).toBe('halt');
    expect([8, 9, 10, 11].map((i) => hex(m.register(i)))).toEqual(['9', 'c', '23456789', '1']);
    expect([0, 2, 6, 12].map((i) => hex(m.register(i)))).toEqual(['850', '1', '5eed00005eed', '5eed']);
    expect(m.register(7, 8)).toBe(1n);
    expect(hex(m.register(1))).toBe('5eed');
  });

  it('exchanges pairs', async () => {
    const m = await SnippetMachine.create('long');
    m.ram.setBigUint64(DATA, 0x2_0000_0001n, true);
    // mov eax, 1; mov edx, 2; mov ebx, 3; mov ecx, 4; lock cmpxchg8b [20000]; setz sil; lock cmpxchg8b [20000]; setz dil;
    // mov r8, rax; mov r9, rdx; cmpxchg16b [20010]; setz r10b
    expect(
      m.run('b801000000 ba02000000 bb03000000 b904000000 f00fc70c2500000200 400f94c6 f00fc70c2500000200 400f94c7 4989c0 4989d1 480fc70c2510000200 410f94c2 f4'),
    ).toBe('halt');
    expect([8, 9, 0, 2].map((i) => hex(m.register(i)))).toEqual(['3', '4', '0', '0']);
    expect([6, 7, 10].map((i) => m.register(i, 8))).toEqual([1n, 0n, 0n]);
    expect(m.ram.getBigUint64(DATA, true)).toBe(0x4_0000_0003n);
  });

  it('raises #UD for UD0, UD1, UD2, VMCALL and LOCK without a memory destination', async () => {
    const m = await SnippetMachine.create('long');
    for (const bytes of ['0f0b', '0fb9c0', '0fffc0', '0f01c1', '0f01d9', 'f001c0', 'f0a4']) expect(m.run(`${bytes} f4`)).toBe('fault 6');
  });
});
