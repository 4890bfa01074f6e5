import type { SystemCase } from './builder.ts';
import { DATA, SPARE, TARGET, TSS } from './layout.ts';
import { longCase } from './long-template.ts';
import { RINGS } from './long-segments.ts';

const hex = (v: number | bigint): string => v.toString(16);
const byte = (v: number): string => hex(v).padStart(2, '0');

/** Instructions that need privilege, as they are without operands that matter. */
const PRIVILEGED: readonly (readonly [string, string])[] = [
  ['clts', '0f06'],
  ['invlpg', '0f013b'],
  ['wbinvd', '0f09'],
  ['invd', '0f08'],
  ['rdmsr', '0f32'],
  ['wrmsr', '0f30'],
  ['lmsw', '0f01f0'],
  ['mov cr0', '0f22c0'],
  ['mov from cr0', '0f20c0'],
  ['mov cr2', '0f22d0'],
  ['mov from cr2', '0f20d0'],
  ['mov from cr3', '0f20d8'],
  ['mov from cr4', '0f20e0'],
  ['mov from cr8', '440f20c0'],
  ['mov cr1', '0f22c8'],
  ['mov from cr5', '0f20e8'],
  ['mov cr7', '0f22f8'],
  ['mov cr9', '440f22c8'],
  ['mov dr0', '0f23c0'],
  ['mov from dr7', '0f21f8'],
  ['cli', 'fa'],
  ['sti', 'fb'],
  ['swapgs', '0f01f8'],
  ['hlt in ring 3 only', 'f4'],
  ['in', 'e480'],
  ['out', 'e680'],
  ['pushf', '9c'],
];

/** What differs between processors, would stop the machine, or is open: whether #UD or #GP comes first, what a port answers. */
function isLeftOut(name: string, ring: 0 | 3, bits: number, rflags: number): boolean {
  if (ring === 0 && /hlt|cli|sti|mov cr0|lmsw|rdmsr|wrmsr|^in|out/.test(name)) return true;
  if (bits !== 64 && /cr8|cr9|swapgs/.test(name)) return true;
  return (ring === 3 && /mov( from)? cr[1579]/.test(name)) || (rflags !== 2 && /^in$|sti/.test(name));
}

function* privileged(): Generator<SystemCase> {
  for (const [name, code] of PRIVILEGED)
    for (const ring of RINGS)
      for (const bits of [64, 32, 16] as const)
        for (const rflags of [2, 0x3002]) {
          if (isLeftOut(name, ring, bits, rflags)) continue;
          yield longCase(`privilege ${name} ring ${ring} ${bits}-bit code rflags ${hex(rflags)}`, {
            code,
            ring,
            bits,
            state: { rax: 0x80010033, rcx: 0xc0000082, rdx: 0, rbx: DATA, rflags },
          });
        }
}

const CR0 = [0x80010033n, 0x80000033n, 0x80010037n, 0x8001003bn, 0x8001003fn, 0x80050033n, 0xe0010033n, 0xc0010033n, 0x80010013n];
const CR4 = [0x620n, 0x6a0n, 0x628n, 0x624n, 0x630n, 0xe20n, 0x10620n, 0x300620n, 0x660n, 0x720n];

function* controlRegisters(): Generator<SystemCase> {
  for (const rax of CR0) yield longCase(`mov cr0 ${hex(rax)}`, { code: '0f22c0', state: { rax } });
  for (const rax of CR4) yield longCase(`mov cr4 ${hex(rax)}`, { code: '0f22e0', state: { rax } });
  for (const rax of [0x403000n, 0x403018n, 0x403fffn]) yield longCase(`mov cr3 ${hex(rax)}`, { code: '0f22d8', state: { rax } });
  for (const rax of [0n, 1n, 15n]) yield longCase(`mov cr8 ${hex(rax)} and back`, { code: '440f22c0 440f20c3', state: { rax } });
  for (const rax of [0n, 0xffffn, 0x12345n, 0xffff800000000000n, 0x0000800000000000n])
    yield longCase(`mov cr2 ${hex(rax)}`, { code: '0f22d0', state: { rax } });
  for (let rax = 0; rax < 16; rax++)
    for (const cr0 of [0x80010033, 0x8001003d]) yield longCase(`lmsw ${hex(rax)} of cr0 ${hex(cr0)}`, { code: '0f01f0', state: { rax, cr0 } });
  for (const cr0 of [0x80010033, 0x8001003b]) yield longCase(`clts of cr0 ${hex(cr0)}`, { code: '0f06', state: { cr0 } });
  for (let n = 0; n < 16; n++) {
    const reg = 0xc0 | ((n & 7) << 3);
    const rex = n > 7 ? '44' : '';
    if ([1, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15].includes(n))
      for (const op of ['20', '22']) yield longCase(`mov cr${n} opcode ${op}`, { code: `${rex}0f${op}${byte(reg)}` });
  }
}

function* debugRegisters(): Generator<SystemCase> {
  for (let n = 0; n < 8; n++)
    for (const cr4 of [0x620, 0x628]) {
      const reg = byte(0xc0 | (n << 3));
      for (const rax of [0n, 0x401000n, (0x155n << 5n) & 0xfffn, 0xffff0ff0n, 0x400n, 0xf0000000n, 1n << 32n]) {
        if (n === 7 && (rax & 0xffn) !== 0n) continue;
        // QEMU keeps reserved bits of DR6 and DR7
        if (n > 3 && (rax & 0xd800n) !== 0n) continue;
        yield longCase(`mov dr${n} ${hex(rax)} cr4 ${hex(cr4)} and back`, { code: `0f23${reg} 0f21${byte(0xc3 | (n << 3))}`, state: { rax, cr4 } });
      }
      if (n === 4 || n === 5) {
        // QEMU looks at the privilege before CR4.DE
        yield longCase(`mov dr${n} ring 0 cr4 ${hex(cr4)}`, { code: `0f23${reg}`, state: { rax: 0, cr4 } });
        continue;
      }
      yield longCase(`mov from dr${n} cr4 ${hex(cr4)}`, { code: `0f21${reg}`, state: { cr4 } });
      yield longCase(`mov dr${n} with GD ring 3`, { code: `0f23${reg}`, ring: 3, state: { cr4, dr7: 0x400 } });
    }
}

const MSRS = [0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0x277, 0xc0000080];
const VALUES = [
  0n,
  8n,
  0x12345678n,
  0xffffffffn,
  0x00007fffffffffffn,
  0xffff800000000000n,
  0x0000800000000000n,
  0x7ffffffffffff000n,
  0x0007040600070406n,
  0xd01n,
  0x501n,
  0xd00n,
];

function* machineRegisters(): Generator<SystemCase> {
  for (const msr of MSRS)
    for (const value of VALUES) {
      const canonical = BigInt.asIntN(48, value) === BigInt.asIntN(64, value);
      // QEMU checks neither addresses nor the memory types of PAT, ignores bits of EFER and keeps 16 bits of SYSENTER_CS
      if (!canonical && msr !== 0xc0000081) continue;
      if (msr === 0x277 && value !== 0x0007040600070406n) continue;
      if (msr === 0xc0000080 && ![0xd01n, 0xd00n].includes(value)) continue;
      if (msr === 0x174 && value > 0xffffn) continue;
      if ((msr === 0xc0000103 || msr === 0xc0000084 || msr === 0x174) && value >> 32n !== 0n) continue;
      yield longCase(`wrmsr ${hex(msr)} ${hex(value)} and back`, {
        code: '0f30 31c0 31d2 0f32',
        state: { rcx: msr, rax: value & 0xffffffffn, rdx: value >> 32n },
      });
    }
  for (const msr of MSRS) yield longCase(`rdmsr ${hex(msr)}`, { code: '0f32', state: { rcx: BigInt(msr) | (0xabn << 32n) } });
  yield longCase('rdmsr twice with swapgs between', { code: '0f32 89c6 0f01f8 0f32', state: { rcx: 0xc0000101 } });
  for (const [name, code] of [
    ['rdfsbase', 'f3480faec0'],
    ['rdgsbase', 'f3480faec8'],
    ['wrfsbase', 'f3480faed0'],
    ['wrgsbase', 'f3480faed8'],
    ['rdfsbase 32', 'f30faec0'],
    ['wrgsbase 32', 'f30faed8'],
  ] as const)
    for (const ring of RINGS)
      for (const cr4 of [0x620, 0x10620])
        for (const rax of [0x123456n, 0xffff900012345678n])
          yield longCase(`${name} ring ${ring} cr4 ${hex(cr4)} ${hex(rax)}`, { code, ring, state: { cr4, rax } });
}

/** Ports: IOPL, the bitmap, its end. */
function* ports(): Generator<SystemCase> {
  for (const [name, code] of [
    ['out imm 80', 'e680'],
    ['out dx 80', 'ee'],
    ['out dx 80 word', '66ef'],
    ['out dx 80 doubleword', 'ef'],
    ['outsb', '6e'],
    ['rep outsb', 'f36e'],
  ] as const)
    for (const iopl of [0, 0x3000])
      for (const bitmap of [0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0xff])
        yield longCase(`${name} ring 3 iopl ${iopl} bitmap ${hex(bitmap)}`, {
          code,
          ring: 3,
          state: { rdx: 0x80, rax: 0, rcx: 2, rsi: DATA, rflags: 2 | iopl },
          memory: { [TSS + 0x78]: BigInt(bitmap) },
        });
  for (const limit of [0x67, 0x68, 0x78, 0x79])
    for (const map of [0x68, 0xffff, 0x100])
      yield longCase(`out ring 3 tss limit ${hex(limit)} map ${hex(map)}`, {
        code: 'e680',
        ring: 3,
        gdt: { 0x40: 0x0000890000000000n | BigInt(limit) | (BigInt(TSS) << 16n) },
        memory: { [TSS + 0x60]: BigInt(map) << 48n, [TSS + 0x78]: 0n, [TSS + 0x110]: 0n },
      });
  for (const [name, code] of [
    ['popf', '9d'],
    ['popf 16', '669d'],
    ['pushf', '9c'],
    ['cli', 'fa'],
  ] as const)
    for (const ring of RINGS)
      for (const iopl of [0, 0x1000, 0x3000])
        for (const image of [0n, 0x3202n, 0x4d7n, 0x7002n, 0x240002n, 0x10002n]) {
          if (!name.startsWith('popf') && image !== 0n) continue;
          const top = ring === 0 ? 0x407fc0 : 0x40afc0;
          yield longCase(`${name} ring ${ring} iopl ${hex(iopl)} image ${hex(image)}`, {
            code: `${code}9c58`,
            ring,
            state: { rflags: 2 | iopl, rsp: top },
            memory: { [top]: image & ~0x200n },
          });
        }
}

/** Pages: what INVLPG makes visible. */
function* flushes(): Generator<SystemCase> {
  const touch = '8b03';
  for (const [name, code] of [
    ['invlpg', '0f013b'],
    ['mov cr3', '0f20df0f22df'],
    ['mov cr4 PGE twice', '0f20e0 0c80 0f22e0 247f 0f22e0'],
  ] as const)
    yield longCase(`flush by ${name}`, {
      // the page's entry becomes 0 in between
      code: `${touch} c704256860400000000000 ${code} ${touch}`,
      state: { rbx: SPARE },
    });
  yield longCase('invlpg of a non-canonical address', { code: '0f013b', state: { rbx: 1n << 62n } });
  yield longCase('jump to the target', { code: 'ffe0', state: { rax: TARGET } });
}

/** Control and debug registers, MSRs, ports, flags. */
export function* controlCases(): Generator<SystemCase> {
  yield* privileged();
  yield* controlRegisters();
  yield* debugRegisters();
  yield* machineRegisters();
  yield* ports();
  yield* flushes();
}
