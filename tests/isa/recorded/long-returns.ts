import type { SystemCase } from './builder.ts';
import { gate, segment } from './descriptors.ts';
import { IDT, STACK0, STACK3, STUBS, TARGET } from './layout.ts';
import { longCase, S, SLOT, TARGET_SLOT } from './long-template.ts';
import { describeSlot, ACCESSED, RINGS, variants } from './long-segments.ts';

const hex = (v: number): string => v.toString(16);

/** Words on the stack of a ring: the state's RSP goes down by as many. */
function stacked(ring: 0 | 3, words: readonly bigint[], size: 4 | 8): { memory: Record<number, bigint>; rsp: number } {
  const top = (ring === 0 ? STACK0 : STACK3) - 64;
  const memory: Record<number, bigint> = {};
  if (size === 8) for (const [i, w] of words.entries()) memory[top + i * 8] = w;
  else for (let i = 0; i < words.length; i += 2) memory[top + i * 4] = ((words[i + 1] ?? 0n) << 32n) | ((words[i] ?? 0n) & 0xffffffffn);
  return { memory, rsp: top };
}

const FAR_RETURNS = [
  ['retf64', '48cb', 8],
  ['retf32', 'cb', 4],
  ['retf64 imm', '48ca0800', 8],
] as const;

function* farReturnsBy([name, code, size]: (typeof FAR_RETURNS)[number], ring: 0 | 3): Generator<SystemCase> {
  for (const v of variants(true, true))
    for (const flags of v.type < 16 ? [0] : [0xa, 0xc]) {
      const { memory, rsp } = stacked(
        ring,
        [BigInt(TARGET), BigInt(SLOT | v.rpl), ...(name === 'retf64 imm' ? [7n] : []), BigInt(STACK3 - 8), BigInt(S.userData | 3)],
        size,
      );
      yield longCase(`${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)} flags ${flags}`, {
        code,
        ring,
        memory,
        state: { rsp },
        gdt: { [SLOT]: segment({ type: v.type, dpl: v.dpl, present: v.present, flags }) },
      });
    }
  for (const v of variants(true, true))
    for (const cs of [S.user64 | 3, S.user32 | 3]) {
      const { memory, rsp } = stacked(ring, [BigInt(TARGET), BigInt(cs), BigInt(STACK3 - 8), BigInt(SLOT | v.rpl)], size);
      if (name === 'retf64')
        yield longCase(`${name} ring ${ring} to ${hex(cs)} SS ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, {
          code,
          ring,
          memory,
          state: { rsp },
          gdt: { [SLOT]: segment({ type: v.type, dpl: v.dpl, present: v.present }) },
        });
    }
  for (const selector of [0, 1, 3, 0x17, 0x7fc, 0x800])
    for (const which of ['CS', 'SS']) {
      const { memory, rsp } = stacked(
        ring,
        [BigInt(TARGET), BigInt(which === 'CS' ? selector : S.user64 | 3), BigInt(STACK3 - 8), BigInt(which === 'SS' ? selector : S.userData | 3)],
        size,
      );
      if (name !== 'retf64 imm') yield longCase(`${name} ring ${ring} ${which} selector ${hex(selector)}`, { code, ring, memory, state: { rsp } });
    }
}

const INTERRUPT_RETURNS = [
  ['iretq', '48cf', 8],
  ['iretd', 'cf', 4],
] as const;

function* interruptReturnsBy([name, code, size]: (typeof INTERRUPT_RETURNS)[number], ring: 0 | 3): Generator<SystemCase> {
  const frame = (cs: number, flags: bigint, ss: number, rip = BigInt(TARGET)): ReturnType<typeof stacked> =>
    stacked(ring, [rip, BigInt(cs), flags, BigInt((ss & 3) === 3 ? STACK3 - 16 : STACK0 - 16), BigInt(ss)], size);
  const own = ring === 0 ? ([S.code64, S.data] as const) : ([S.user64 | 3, S.userData | 3] as const);
  for (const v of variants(true, true))
    for (const flags of v.type < 16 ? [0] : [0xa, 0xc]) {
      const { memory, rsp } = frame(SLOT | v.rpl, 2n, v.rpl === 3 ? S.userData | 3 : S.data);
      yield longCase(`${name} ring ${ring} CS ${describeSlot(v.type, v.dpl, v.rpl, v.present)} flags ${flags}`, {
        code,
        ring,
        memory,
        state: { rsp },
        gdt: { [SLOT]: segment({ type: v.type, dpl: v.dpl, present: v.present, flags }) },
      });
    }
  for (const v of variants(true, true))
    for (const cs of [S.user64 | 3, S.user32 | 3, S.code64]) {
      const { memory, rsp } = frame(cs, 2n, SLOT | v.rpl);
      yield longCase(`${name} ring ${ring} to ${hex(cs)} SS ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, {
        code,
        ring,
        memory,
        state: { rsp },
        gdt: { [SLOT]: segment({ type: v.type, dpl: v.dpl, present: v.present }) },
      });
    }
  for (const selector of [0, 1, 2, 3, 0x17, 0x7fc, 0x800])
    for (const which of ['CS', 'SS']) {
      if (which === 'SS' && ring === 0 && (selector & ~3) === 0 && selector !== 0) continue; // QEMU checks no RPL of a null SS
      const { memory, rsp } = which === 'CS' ? frame(selector, 2n, own[1]) : frame(own[0], 2n, selector);
      yield longCase(`${name} ring ${ring} ${which} selector ${hex(selector)}`, { code, ring, memory, state: { rsp } });
    }
  for (const bits of [0x8d5n, 0x400n, 0x3000n, 0x40000n, 0x200000n, 0x100n, 0xffffffffffc00028n])
    for (const to of ['own', 'user'] as const)
      for (const iopl of [0, 0x3000]) {
        const [cs, ss] = to === 'own' ? own : [S.user64 | 3, S.userData | 3];
        const { memory, rsp } = frame(cs, bits | 2n, ss);
        yield longCase(`${name} ring ${ring} to ${to} flags ${bits.toString(16)} iopl ${iopl}`, { code, ring, memory, state: { rsp, rflags: 2 | iopl } });
      }
  const nested = frame(own[0], 2n, own[1]);
  yield longCase(`${name} ring ${ring} with NT`, { code, ring, memory: nested.memory, state: { rsp: nested.rsp, rflags: 0x4002 } });
}

/** INT n through gates of every kind. */
function* gates(ring: 0 | 3): Generator<SystemCase> {
  const through = (
    name: string,
    entry: { type: number; dpl?: number; present?: boolean; selector?: number; count?: number; upper?: bigint },
    gdt: Record<number, bigint> = {},
  ): SystemCase => {
    const { type, dpl = 3, present = true, selector = S.code64, count = 0, upper = 0n } = entry;
    const memory = { [IDT + 0x300]: gate({ type, selector, offset: BigInt(STUBS + 0x30 * 32), dpl, present, count }), [IDT + 0x308]: upper };
    return longCase(`int ring ${ring} ${name}`, { code: 'cd30', ring, memory, gdt });
  };
  for (let type = 0; type < 32; type++)
    for (const dpl of [0, 3])
      for (const present of [true, false]) yield through(`gate type ${hex(type)} dpl ${dpl} present ${present}`, { type, dpl, present });
  // whether L or P is looked at first is open
  for (const type of ACCESSED)
    for (const dpl of [0, 3])
      for (const flags of type < 16 ? [0] : [0xa, 0xc])
        for (const present of [true, false])
          if (present || flags !== 0xc)
            yield through(
              `to type ${hex(type)} dpl ${dpl} flags ${flags} present ${present}`,
              { type: 14, selector: TARGET_SLOT },
              { [TARGET_SLOT]: segment({ type, dpl, flags, present }) },
            );
  for (const selector of [0, 3, 8, 0xb, 0x7fc, 0x800, S.conforming, S.conforming | 3]) yield through(`to selector ${hex(selector)}`, { type: 14, selector });
  if (ring === 3) yield through('ist 1', { type: 14, count: 1 });
}

/** INT n by vector, flags, stack alignment and code size. */
function* interrupts(ring: 0 | 3): Generator<SystemCase> {
  for (let vector = 0; vector < 0x30; vector += 3)
    yield longCase(`int ring ${ring} vector ${hex(vector)}`, { code: `cd${hex(vector).padStart(2, '0')}`, ring });
  for (const vector of [0x3f, 0x40, 0x80, 0xff]) yield longCase(`int ring ${ring} vector ${hex(vector)}`, { code: `cd${hex(vector)}`, ring });
  for (const rflags of [0x202, 0x4002, 0x40002, 0x3002, 0x8d7])
    for (const type of [14, 15]) {
      const memory = { [IDT + 0x300]: gate({ type, selector: S.code64, offset: BigInt(STUBS + 0x30 * 32), dpl: 3 }) };
      yield longCase(`int ring ${ring} rflags ${hex(rflags)} type ${type}`, { code: 'cd30', ring, state: { rflags: rflags & ~0x200 }, memory });
    }
  for (const [name, code] of [
    ['int3', 'cc'],
    ['ud2', '0f0b'],
  ])
    yield longCase(`${name} ring ${ring}`, { code: code as string, ring });
  for (let low = 1; low < 16; low += 3)
    if (ring === 0) yield longCase(`int ring 0 with RSP ending in ${hex(low)}`, { code: 'cd30', state: { rsp: STACK0 - 64 + low } });
  for (const bits of [16, 32] as const) yield longCase(`int ring ${ring} ${bits}-bit code`, { code: 'cd30', ring, bits });
}

/** SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS. */
function* fast(): Generator<SystemCase> {
  const state = { rcx: TARGET, r11: 0x3cd7, rdx: TARGET + 0x40 };
  for (const ring of RINGS)
    for (const bits of [64, 32] as const) {
      for (const [name, code] of [
        ['syscall', '0f05'],
        ['sysret', '0f07'],
        ['sysenter', '0f34'],
        ['sysexit', '0f35'],
        ['swapgs', '0f01f8'],
      ] as const) {
        // Intel's SYSCALL is #UD in compatibility mode, QEMU's is not
        if (bits === 32 && /^sys[cr]/.test(name)) continue;
        yield longCase(`${name} ring ${ring} ${bits}-bit code`, { code, ring, bits, state });
        yield longCase(`${name} ring ${ring} ${bits}-bit code without SCE`, { code, ring, bits, state: { ...state, efer: 0xd00 } });
      }
      for (const sysenterCs of [0, 0x0b, 0x10, 0xfff8])
        for (const [name, code] of [
          ['sysenter', '0f34'],
          ['sysexit', '0f35'],
        ] as const)
          yield longCase(`${name} ring ${ring} ${bits}-bit code CS ${hex(sysenterCs)}`, { code, ring, bits, state: { ...state, sysenterCs } });
    }
  for (const ring of RINGS) {
    for (const [name, code] of [
      ['sysretq', '480f07'],
      ['sysexitq', '480f35'],
    ] as const)
      yield longCase(`${name} ring ${ring}`, { code, ring, state: { ...state, rcx: name === 'sysexitq' ? STACK3 : TARGET } });
    // QEMU loses arithmetic flags and DF that are not masked
    for (const fmask of [0, 0x3f7fd5, 0x700, 0x40000])
      for (const rflags of [2, 0x8d7, 0x40002, 0x3002, 0x402])
        if (fmask === 0x3f7fd5 || (rflags & 0xcd5) === 0)
          yield longCase(`syscall ring ${ring} fmask ${hex(fmask)} rflags ${hex(rflags)}`, { code: '0f05', ring, state: { fmask, rflags } });
  }
  for (const r11 of [0n, 0x247cd7n, 0x4002n, 0x10002n, 0x40002n, 0x200002n, 0xffffffffffe48c57n])
    for (const code of ['0f07', '480f07']) yield longCase(`sysret ${code} r11 ${r11.toString(16)}`, { code, state: { rcx: TARGET, r11 } });
  for (const star of [0n, 0x0018n << 48n, 0x001bn << 48n, 0x0013n << 48n])
    for (const code of ['0f07', '480f07']) yield longCase(`sysret ${code} star ${star.toString(16)}`, { code, state: { rcx: TARGET, r11: 2, star } });
  for (const star of [0n, 0x000bn << 32n, 0x0043n << 32n, 0xfff8n << 32n])
    yield longCase(`syscall star ${star.toString(16)}`, { code: '0f05', ring: 3, state: { star } });
}

/** Returns, interrupts, fast system calls. */
export function* returnCases(): Generator<SystemCase> {
  for (const ring of RINGS) {
    for (const form of FAR_RETURNS) yield* farReturnsBy(form, ring);
    for (const form of INTERRUPT_RETURNS) yield* interruptReturnsBy(form, ring);
    yield* gates(ring);
    yield* interrupts(ring);
  }
  yield* fast();
}
