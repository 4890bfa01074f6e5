import type { SystemCase } from './builder.ts';
import { segment } from './descriptors.ts';
import { DATA, LDT, STACK3 } from './layout.ts';
import { describeSlot, RINGS, variants } from './long-segments.ts';
import { protectedCase, S, SLOT } from './protected-template.ts';

const hex = (v: number): string => v.toString(16);
const NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const ODD = [0, 1, 3, 4, 7, 0x0b, 0x0f, 0x13, 0x17, 0x1f, 0x7c, 0x80, 0x84, 0x7f8, 0x7fc, 0x800, 0xfff8, 0xffff];
/** Data and stack segments that grow down end above the arena: QEMU checks no limit, so loading them is all that can be compared. */
const GROWS_DOWN = (type: number): boolean => (type & 0x1c) === 0x14;

function slot(type: number, dpl: number, present: boolean): Record<number, bigint> {
  const system = type < 16 ? { base: LDT, limit: 0x7f, flags: 0 } : { limit: 0xffff };
  return { [SLOT]: segment({ type, dpl, present, ...system }) };
}

function* loads(): Generator<SystemCase> {
  for (const ring of RINGS)
    for (const [number, name] of NAMES.entries()) {
      const code = `8e${hex(0xc0 | (number << 3))}`;
      if (number === 1) continue;
      for (const v of variants(true)) {
        // the handler of ring 0 would work on that stack
        if (name === 'ss' && ring === 0 && (GROWS_DOWN(v.type) || (v.type & 0x1a) === 0x10)) continue;
        yield protectedCase(`load ${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, {
          code,
          ring,
          gdt: slot(v.type, v.dpl, v.present),
          state: { rax: SLOT | v.rpl },
        });
      }
      for (const rax of ODD) yield protectedCase(`load ${name} ring ${ring} selector ${hex(rax)}`, { code, ring, state: { rax } });
    }
  for (const [name, code] of [
    ['lds', 'c503'],
    ['les', 'c403'],
    ['lfs', '0fb403'],
    ['lgs', '0fb503'],
    ['lss', '0fb20b'],
  ] as const)
    for (const ring of RINGS)
      for (const selector of [0, S.data, S.userData | 3, S.userCode | 3, S.tss, 0x7fc])
        if (name !== 'lss' || selector !== S.data || ring === 3)
          yield protectedCase(`${name} ring ${ring} selector ${hex(selector)}`, {
            code,
            ring,
            state: { rbx: DATA },
            memory: { [DATA]: 0x12345678n | (BigInt(selector) << 32n) },
          });
  for (const [name, code] of [
    ['pop ds', '1f'],
    ['pop es', '07'],
    ['pop fs', '0fa1'],
    ['pop ss', '17'],
  ] as const)
    for (const selector of [0, S.userData | 3, S.tss, S.userCode | 3])
      yield protectedCase(`${name} selector ${hex(selector)}`, { code, ring: 3, state: { rsp: STACK3 - 16 }, memory: { [STACK3 - 16]: BigInt(selector) } });
}

function* questions(): Generator<SystemCase> {
  for (const [name, code] of [
    ['lar', '0f02c8'],
    ['lsl', '0f03c8'],
    ['verr', '0f00e0'],
    ['verw', '0f00e8'],
    ['lldt', '0f00d0'],
    ['ltr', '0f00d8'],
  ] as const)
    for (const ring of RINGS) {
      const privileged = name === 'lldt' || name === 'ltr';
      for (const v of variants(true))
        if (!privileged || ring === 0 || v.type === 2 || v.type === 9)
          yield protectedCase(`${name} ring ${ring} ${describeSlot(v.type, v.dpl, v.rpl, v.present)}`, {
            code,
            ring,
            gdt: slot(v.type, v.dpl, v.present),
            state: { rax: SLOT | v.rpl },
          });
      // QEMU takes a null TR
      for (const rax of ODD) if (name !== 'ltr' || rax > 3) yield protectedCase(`${name} ring ${ring} selector ${hex(rax)}`, { code, ring, state: { rax } });
    }
  for (const destination of [0, 1, 2, 3])
    for (const source of [0, 1, 2, 3])
      yield protectedCase(`arpl ${destination} ${source}`, { code: '63c8', ring: 3, state: { rax: 0x120 | destination, rcx: 0x130 | source } });
  for (const [name, code] of [
    ['smsw', '0f01e0'],
    ['sldt', '0f00c0'],
    ['str', '0f00c8'],
    ['sgdt', '0f0103'],
    ['sidt', '0f010b'],
  ] as const)
    for (const ring of RINGS) for (const cr4 of [0x610, 0xe10]) yield protectedCase(`${name} ring ${ring} cr4 ${hex(cr4)}`, { code, ring, state: { cr4 } });
}

/** BOUND, INTO and decimal division. */
function* traps(): Generator<SystemCase> {
  for (const rax of [0, 5, 9, 10, -1])
    for (const prefix of ['', '66'])
      yield protectedCase(`bound ${prefix} ${rax}`, {
        code: `${prefix}6203`,
        ring: 3,
        state: { rax: BigInt.asUintN(32, BigInt(rax)) },
        memory: { [DATA + 0x80]: prefix === '' ? 0x900000005n : 0x00090005n },
      });
  for (const ring of RINGS)
    for (const rflags of [2, 0x802]) yield protectedCase(`into ring ${ring} rflags ${hex(rflags)}`, { code: 'ce', ring, state: { rflags } });
  yield protectedCase('aam 0', { code: 'd400', ring: 3 });
  for (const ring of RINGS)
    for (const [name, code] of [
      ['sysenter', '0f34'],
      ['sysexit', '0f35'],
      ['syscall', '0f05'],
      ['ud2', '0f0b'],
      ['int3', 'cc'],
    ] as const)
      for (const sysenterCs of [0, 8])
        if (name !== 'syscall') yield protectedCase(`${name} ring ${ring} CS ${sysenterCs}`, { code, ring, state: { sysenterCs, rdx: 0x408840, rcx: STACK3 } });
}

/** Segments, descriptor tables, traps of 32-bit code. */
export function* protectedSegmentCases(): Generator<SystemCase> {
  yield* loads();
  yield* questions();
  yield* traps();
}
