import type { SystemCase } from './builder.ts';
import { gate, segment } from './descriptors.ts';
import { DATA, IDT, STACK0, STACK3, STUBS, TARGET } from './layout.ts';
import { ACCESSED, describeSlot, RINGS, variants } from './long-segments.ts';
import { OTHER_TSS, protectedCase, S, SLOT, TARGET_SLOT } from './protected-template.ts';

const hex = (v: number): string => v.toString(16);
const pair = (low: number, high: number): bigint => BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);

const FAR = [
  ['jmp', 'ff2b'],
  ['call', 'ff1b'],
] as const;
type Far = (typeof FAR)[number];

const to = (selector: number): Record<number, bigint> => ({ [DATA + 0x80]: pair(TARGET, selector) });

function* far([name, code]: Far, ring: 0 | 3): Generator<SystemCase> {
  for (const v of variants(true, true)) {
    // gates and TSSs have their own cases
    if (v.type < 16 && ![0, 2, 8, 10, 13].includes(v.type)) continue;
    yield protectedCase(`far ${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, {
      code,
      ring,
      gdt: { [SLOT]: segment({ type: v.type, dpl: v.dpl, present: v.present }) },
      memory: to(SLOT | v.rpl),
    });
  }
  for (const selector of [0, 3, 0x17, 0x7fc, 0x800])
    yield protectedCase(`far ${name} ring ${ring} selector ${hex(selector)}`, { code, ring, memory: to(selector) });
}

function* farGates([name, code]: Far, ring: 0 | 3): Generator<SystemCase> {
  for (const dpl of [0, 3])
    for (const rpl of [0, 3])
      for (const present of [true, false])
        for (const count of [0, 2]) {
          yield protectedCase(`far ${name} ring ${ring} call gate dpl ${dpl} rpl ${rpl} present ${present} count ${count}`, {
            code,
            ring,
            gdt: { [SLOT]: gate({ type: 12, selector: S.code, offset: BigInt(TARGET), dpl, present, count }) },
            memory: to(SLOT | rpl),
            state: { rsp: (ring === 3 ? STACK3 : STACK0) - 64 },
          });
        }
  for (const type of ACCESSED)
    for (const dpl of [0, 3])
      if (ring === 0 || dpl === 3 || type < 28)
        yield protectedCase(`far ${name} ring ${ring} gate to type ${hex(type)} dpl ${dpl}`, {
          code,
          ring,
          memory: to(SLOT | 3),
          gdt: { [SLOT]: gate({ type: 12, selector: TARGET_SLOT, offset: BigInt(TARGET), dpl: 3 }), [TARGET_SLOT]: segment({ type, dpl }) },
        });
}

function* tasks([name, code]: Far, ring: 0 | 3): Generator<SystemCase> {
  for (const present of [true, false])
    for (const busy of [9, 11])
      for (const dpl of [0, 3])
        yield protectedCase(`far ${name} ring ${ring} TSS type ${busy} dpl ${dpl} present ${present}`, {
          code,
          ring,
          memory: to(SLOT | ring),
          gdt: { [SLOT]: segment({ type: busy, dpl, present, base: OTHER_TSS, limit: 0x67, flags: 0 }) },
        });
  for (const dpl of [0, 3])
    for (const selector of [S.otherTss, S.data, 0])
      yield protectedCase(`far ${name} ring ${ring} task gate dpl ${dpl} to ${hex(selector)}`, {
        code,
        ring,
        memory: to(SLOT | ring),
        gdt: { [SLOT]: gate({ type: 5, selector, offset: 0n, dpl }) },
      });
}

function* returns(): Generator<SystemCase> {
  for (const ring of RINGS) {
    const top = (ring === 0 ? STACK0 : STACK3) - 64;
    for (const v of variants(true, true)) {
      const gdt = { [SLOT]: segment({ type: v.type, dpl: v.dpl, present: v.present }) };
      const text = describeSlot(v.type, v.dpl, v.rpl, v.present);
      yield protectedCase(`retf ring ${ring} ${text}`, {
        code: 'cb',
        ring,
        gdt,
        state: { rsp: top },
        memory: { [top]: pair(TARGET, SLOT | v.rpl), [top + 8]: pair(STACK3 - 8, S.userData | 3) },
      });
      yield protectedCase(`iret ring ${ring} ${text}`, {
        code: 'cf',
        ring,
        gdt,
        state: { rsp: top },
        memory: { [top]: pair(TARGET, SLOT | v.rpl), [top + 8]: pair(2, STACK3 - 8), [top + 16]: pair(S.userData | 3, 0) },
      });
      if (ring === 0)
        yield protectedCase(`iret to ring 3 SS ${text}`, {
          code: 'cf',
          gdt,
          state: { rsp: top },
          memory: { [top]: pair(TARGET, S.userCode | 3), [top + 8]: pair(2, STACK3 - 8), [top + 16]: pair(SLOT | v.rpl, 0) },
        });
    }
    for (const flags of [0x8d7, 0x3002, 0x4002, 0x40002, 0x200002, 0x102])
      for (const iopl of [0, 0x3000])
        yield protectedCase(`iret ring ${ring} flags ${hex(flags)} iopl ${iopl}`, {
          code: 'cf',
          ring,
          state: { rsp: top, rflags: 2 | iopl },
          memory: { [top]: pair(TARGET, ring === 0 ? S.code : S.userCode | 3), [top + 8]: pair(flags, 0) },
        });
  }
  for (const flags of [0x20002, 0x23002]) {
    const top = STACK0 - 64;
    for (const code of ['90', 'fa', 'cc', '0f0b', '9c', 'f4', '0f20c0', '8ed8', '62c0', 'f7f6'])
      if (!(flags === 0x23002 && code === 'fa'))
        yield protectedCase(`v86 ${code} flags ${hex(flags)}`, {
          code: 'cf',
          state: { rsp: top, rsi: 0, rax: 0x40 },
          memory: {
            [top]: pair(0x10, 0xf000),
            [top + 8]: pair(flags, 0x100),
            [top + 16]: pair(0x1000, 0x1111),
            [top + 24]: pair(0x2222, 0x3333),
            [top + 32]: pair(0x4444, 0),
          },
        });
  }
}

function* interrupts(): Generator<SystemCase> {
  for (const ring of RINGS) {
    const through = (name: string, value: bigint, gdt: Record<number, bigint> = {}): SystemCase =>
      protectedCase(`int ring ${ring} ${name}`, { code: 'cd30', ring, gdt, memory: { [IDT + 0x180]: value } });
    const offset = BigInt(STUBS + 0x30 * 32);
    for (let type = 0; type < 32; type++)
      for (const dpl of [0, 3])
        for (const present of [true, false]) {
          if (type === 5 || type === 6 || type === 7) continue;
          yield through(`gate type ${hex(type)} dpl ${dpl} present ${present}`, gate({ type, selector: S.code, offset, dpl, present }));
        }
    // the handler reads its code segment
    for (const type of ACCESSED)
      for (const dpl of [0, 3])
        for (const present of [true, false])
          if (type < 16 || (type & 10) !== 8)
            yield through(`to type ${hex(type)} dpl ${dpl} present ${present}`, gate({ type: 14, selector: TARGET_SLOT, offset, dpl: 3 }), {
              [TARGET_SLOT]: segment({ type, dpl, present }),
            });
    for (const selector of [S.otherTss, S.data, 0])
      for (const dpl of [0, 3]) yield through(`task gate dpl ${dpl} to ${hex(selector)}`, gate({ type: 5, selector, offset: 0n, dpl }));
    for (let vector = 0; vector < 0x40; vector += 5)
      yield protectedCase(`int ring ${ring} vector ${hex(vector)}`, { code: `cd${hex(vector).padStart(2, '0')}`, ring });
  }
}

/** Far transfers, gates, tasks and returns of 32-bit code. */
export function* protectedTransferCases(): Generator<SystemCase> {
  for (const form of FAR)
    for (const ring of RINGS) {
      yield* far(form, ring);
      yield* farGates(form, ring);
      yield* tasks(form, ring);
    }
  yield* returns();
  yield* interrupts();
}
