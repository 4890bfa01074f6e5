import type { SystemCase } from './builder.ts';
import { FLAT32, gate, segment } from './descriptors.ts';
import { CODE_PAGE, GDT, LDT, TARGET } from './layout.ts';
import { longCase, S, SLOT, TARGET_SLOT } from './long-template.ts';

/** Rings that cases run in. */
export const RINGS = [0, 3] as const;
/** Descriptor types: system, data, code. */
export const TYPES: readonly number[] = Array.from({ length: 32 }, (_, i) => i);
/** Types in transfers, where QEMU sets no accessed bit. */
export const ACCESSED = TYPES.filter((type) => type < 16 || (type & 1) === 1);
const hex = (v: number): string => v.toString(16);

/** What a descriptor under test is, in words. */
export const describeSlot = (type: number, dpl: number, rpl: number, present: boolean): string =>
  `type ${hex(type)} dpl ${dpl} rpl ${rpl}${present ? '' : ' not present'}`;

interface Variant {
  readonly type: number;
  readonly dpl: number;
  readonly rpl: number;
  readonly present: boolean;
}

/** Every type with privileges; `thin` leaves out the middle ones, `accessed` data and code that was never accessed. */
export function* variants(thin: boolean, accessed = false): Generator<Variant> {
  const levels = thin ? [0, 3] : [0, 1, 2, 3];
  for (const type of TYPES.filter((t) => !accessed || t < 16 || (t & 1) === 1))
    for (const dpl of levels)
      for (const rpl of levels) for (const present of thin && type % 3 !== 0 ? [true] : [true, false]) yield { type, dpl, rpl, present };
}

/** The descriptor of a variant. System ones have room for a TSS or an LDT. */
function slotOf({ type, dpl, present }: Variant, flags = FLAT32): Record<number, bigint> {
  const small = type < 16 ? { base: LDT, limit: 0x7f, flags: 0 } : { flags, limit: 0xffff };
  return { [SLOT]: segment({ type, dpl, present, ...small }) };
}

const NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
/** Selectors that name no descriptor, or one in the LDT. */
const ODD = [0, 1, 2, 3, 4, 7, 0x0b, 0x0f, 0x13, 0x17, 0x1f, 0x7c, 0x80, 0x84, 0x7f8, 0x7fb, 0x7fc, 0x800, 0x803, 0xfff8, 0xfffc, 0xffff];

function* loads(): Generator<SystemCase> {
  for (const ring of RINGS)
    for (const [number, name] of NAMES.entries()) {
      const code = `8e${hex(0xc0 | (number << 3))}`;
      if (number === 1) {
        yield longCase(`load cs ring ${ring}`, { code, ring });
        continue;
      }
      for (const v of variants(number !== 2 && number !== 3)) {
        if (number !== 2 && number !== 3 && (v.type + v.dpl + number) % 3 !== 0) continue;
        yield longCase(`load ${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, {
          code,
          ring,
          gdt: slotOf(v),
          state: { rax: SLOT | v.rpl },
        });
      }
      // hardware wants RPL = CPL of a null SS, QEMU does not
      for (const rax of ODD)
        if (name !== 'ss' || ring === 3 || rax === 0 || rax > 3)
          yield longCase(`load ${name} ring ${ring} selector ${hex(rax)}`, { code, ring, state: { rax } });
      for (const rax of [0, 3]) yield longCase(`load ${name} ring ${ring} 32-bit code selector ${rax}`, { code, ring, bits: 32, state: { rax } });
    }
}

/** 286 types are invalid in long mode, which QEMU doesn't know. */
const UNSURE = [1, 3, 4, 5];

/** LAR, LSL, VERR, VERW: registers, and the flags after them. */
const QUESTIONS = [
  ['lar', '0f02c8'],
  ['lsl', '0f03c8'],
  ['verr', '0f00e0'],
  ['verw', '0f00e8'],
] as const;

function* questions(): Generator<SystemCase> {
  for (const [name, code] of QUESTIONS)
    for (const ring of RINGS) {
      for (const v of variants(true))
        if (v.type >= 16 || !UNSURE.includes(v.type))
          yield longCase(`${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, { code, ring, gdt: slotOf(v), state: { rax: SLOT | v.rpl } });
      for (const rax of ODD) yield longCase(`${name} ring ${ring} selector ${hex(rax)}`, { code, ring, state: { rax, rflags: 0x42 } });
      for (const prefix of ['66', '48'])
        if (name[0] === 'l') yield longCase(`${name} ring ${ring} prefix ${prefix}`, { code: prefix + code, ring, state: { rax: 0x0f } });
      for (const [limit, flags] of [
        [0, 0],
        [0x2345, 0],
        [0x2345, 8],
        [0xffff, 8],
      ] as const)
        yield longCase(`${name} ring ${ring} limit ${hex(limit)} flags ${flags}`, {
          code,
          ring,
          gdt: { [SLOT]: segment({ type: 0x13, dpl: 3, limit, flags }) },
          state: { rax: SLOT | 3 },
        });
      yield longCase(`${name} ring ${ring} 32-bit code`, { code, ring, bits: 32, state: { rax: S.tss } });
    }
}

/** LLDT and LTR; what they load is seen by SLDT and STR. */
function* tables(): Generator<SystemCase> {
  for (const [name, code] of [
    ['lldt', '0f00d0'],
    ['ltr', '0f00d8'],
  ] as const)
    for (const ring of RINGS) {
      for (const v of variants(true)) {
        if ((ring === 3 && v.type > 10) || (name === 'ltr' && (v.type === 1 || v.type === 3))) continue;
        yield longCase(`${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, { code, ring, gdt: slotOf(v), state: { rax: SLOT | v.rpl } });
      }
      // QEMU takes a null TR
      for (const rax of ODD)
        if (name === 'lldt' || ring === 3 || rax > 3) yield longCase(`${name} ring ${ring} selector ${hex(rax)}`, { code, ring, state: { rax } });
    }
}

/** Upper halves, and what the table registers give. */
function* tableRegisters(): Generator<SystemCase> {
  for (const type of [2, 9, 11])
    for (const upper of [0n, 0xffff8000n])
      for (const [name, code] of [
        ['lldt', '0f00d0'],
        ['ltr', '0f00d8'],
        ['lar', '0f02c8'],
      ] as const)
        yield longCase(`${name} type ${hex(type)} upper half ${upper.toString(16)}`, {
          code,
          gdt: { ...slotOf({ type, dpl: 0, rpl: 0, present: true }), [SLOT + 8]: upper },
          state: { rax: SLOT },
        });
  for (const [name, code] of [
    ['sldt', '0f00c0'],
    ['str', '0f00c8'],
    ['smsw', '0f01e0'],
  ] as const)
    for (const ring of RINGS)
      for (const prefix of ['', '66', '48'])
        for (const cr4 of [0x620, 0xe20])
          yield longCase(`${name} ring ${ring} prefix ${prefix} cr4 ${hex(cr4)}`, { code: prefix + code, ring, state: { cr4 } });
  for (const [name, code] of [
    ['sldt', '0f0003'],
    ['str', '0f000b'],
    ['smsw', '0f0123'],
    ['sgdt', '0f0103'],
    ['sidt', '0f010b'],
    ['lgdt', '0f0113'],
    ['lidt', '0f011b'],
  ] as const)
    for (const ring of RINGS)
      for (const cr4 of [0x620, 0xe20])
        yield longCase(`${name} memory ring ${ring} cr4 ${hex(cr4)}`, {
          code,
          ring,
          state: { cr4, rbx: 0x401c00 - (ring === 3 ? 0x401c00 - 0x409080 : 0) },
          memory: { 0x401c00: 0x7ffn | (BigInt(GDT) << 16n), 0x401c08: 0n, ...(name === 'lidt' ? { 0x401c00: 0x3ffn | (0x402800n << 16n) } : {}) },
        });
}

const FAR = [
  ['jmp', '48ff2b', 8],
  ['call', '48ff1b', 8],
  ['jmp32', 'ff2b', 4],
  ['call32', 'ff1b', 4],
] as const;

/** Far jumps and calls through memory, to segments and through gates. */
function* transfersBy([name, code, size]: (typeof FAR)[number], ring: 0 | 3): Generator<SystemCase> {
  const to = (selector: number, offset: bigint): Record<number, bigint> =>
    size === 8 ? { 0x409080: offset, 0x409088: BigInt(selector) } : { 0x409080: (offset & 0xffffffffn) | (BigInt(selector) << 32n) };
  for (const v of variants(true, true))
    for (const flags of v.type < 16 ? [0] : v.present ? [0xa, 0xc] : [0xa])
      yield longCase(`far ${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)} flags ${flags}`, {
        code,
        ring,
        gdt: slotOf(v, flags),
        memory: to(SLOT | v.rpl, BigInt(TARGET)),
      });
  for (const selector of ODD) yield longCase(`far ${name} ring ${ring} selector ${hex(selector)}`, { code, ring, memory: to(selector, BigInt(TARGET)) });
  for (const type of [4, 5, 6, 7, 12, 14, 15])
    yield longCase(`far ${name} ring ${ring} gate type ${type}`, {
      code,
      ring,
      gdt: { [SLOT]: gate({ type, selector: S.code64, offset: BigInt(TARGET), dpl: 3 }) },
      memory: to(SLOT | ring, 0n),
    });
  for (const dpl of [0, 3])
    for (const rpl of [0, 3])
      for (const present of [true, false])
        yield longCase(`far ${name} ring ${ring} call gate dpl ${dpl} rpl ${rpl}${present ? '' : ' not present'}`, {
          code,
          ring,
          gdt: { [SLOT]: gate({ type: 12, selector: S.code64, offset: BigInt(TARGET), dpl, present }) },
          memory: to(SLOT | rpl, 0n),
        });
}

/** Through call gates to all kinds of targets. */
function* gatesBy([name, code, size]: (typeof FAR)[number], ring: 0 | 3): Generator<SystemCase> {
  const memory = size === 8 ? { 0x409080: 0n, 0x409088: BigInt(SLOT | 3) } : { 0x409080: BigInt(SLOT | 3) << 32n };
  // QEMU gives the pushed CS the RPL of a conforming segment's DPL
  for (const target of ACCESSED)
    for (const dpl of [0, 3])
      for (const flags of target < 16 ? [0] : [0xa, 0xc])
        if (ring === 0 || dpl === 3 || target < 28)
          yield longCase(`far ${name} ring ${ring} gate to type ${hex(target)} dpl ${dpl} flags ${flags}`, {
            code,
            ring,
            memory,
            gdt: {
              [SLOT]: gate({ type: 12, selector: TARGET_SLOT, offset: BigInt(TARGET), dpl: 3 }),
              [TARGET_SLOT]: segment({ type: target, dpl, flags }),
            },
          });
  for (const upper of [1n << 40n, 0x1f00n << 32n, 12n << 40n])
    yield longCase(`far ${name} ring ${ring} gate upper half ${upper.toString(16)}`, {
      code,
      ring,
      memory,
      gdt: { [SLOT]: gate({ type: 12, selector: S.code64, offset: BigInt(TARGET), dpl: 3 }), [SLOT + 8]: upper },
    });
  for (const selector of [0, 3, 0x7fc, 0x800, S.conforming, S.userConforming | 3])
    if (ring === 0 || selector !== S.conforming)
      yield longCase(`far ${name} ring ${ring} gate to selector ${hex(selector)}`, {
        code,
        ring,
        memory,
        gdt: { [SLOT]: gate({ type: 12, selector, offset: BigInt(TARGET), dpl: 3 }) },
      });
}

/** Transfers by everything, and out of compatibility mode. */
function* transfers(): Generator<SystemCase> {
  for (const far of FAR)
    for (const ring of RINGS) {
      yield* transfersBy(far, ring);
      yield* gatesBy(far, ring);
    }
  for (const [bits, code] of [
    [32, 'ff2b'],
    [32, 'ff1b'],
    [16, '66ff2f'],
  ] as const)
    for (const ring of RINGS)
      for (const selector of [S.code64, S.user64 | 3, S.user32 | 3, S.code32, S.user16 | 3, S.conforming])
        yield longCase(`far ${code} ring ${ring} ${bits}-bit code to ${hex(selector)}`, {
          code,
          ring,
          bits,
          state: { rbx: 0x409080 },
          memory: { 0x409080: BigInt(selector === (S.user16 | 3) ? TARGET - CODE_PAGE : TARGET) | (BigInt(selector) << 32n) },
        });
}

/** Segment registers, tables, far jumps and calls. */
export function* segmentCases(): Generator<SystemCase> {
  yield* loads();
  yield* questions();
  yield* tables();
  yield* tableRegisters();
  yield* transfers();
}
