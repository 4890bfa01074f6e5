import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { type Access, type Entries, type Paging, walk } from './page-walk-model.ts';
import { SystemMachine } from './system-machine.ts';

let make: () => SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);

const ROOT = 0x1000;
const TABLES = 0x5000;

/** An entry whose flags are often those that matter, and that points at a table or page of the machine. */
const entry64 = fc
  .tuple(fc.nat(0x3f), fc.integer({ min: 1, max: 4 }), fc.nat(31), fc.nat(15), fc.boolean(), fc.nat(30))
  .map(([flags, table, odd, rw, nx, high]) => {
    const present = odd === 0 ? 0n : 1n;
    const large = odd < 4 ? 0x80n : 0n;
    const reserved = high === 0 ? 1n << 41n : high === 1 ? 1n << 55n : high === 2 ? 1n << 14n : high === 3 ? 1n << 20n : 0n;
    return (
      BigInt(table * ROOT) |
      present |
      (rw & 3 ? 2n : 0n) |
      (rw & 12 ? 4n : 0n) |
      BigInt((flags & 1) * 0x20) |
      BigInt(((flags >> 1) & 1) * 0x40) |
      large |
      (nx && (flags & 4) !== 0 ? 1n << 63n : 0n) |
      reserved
    );
  });
const tables = fc.array(entry64, { minLength: 16, maxLength: 16 });
const paging = fc.record({
  kind: fc.constantFrom('32' as const, 'pae' as const, '4-level' as const),
  pse: fc.boolean(),
  wp: fc.boolean(),
  smep: fc.boolean(),
  smap: fc.boolean(),
  nxe: fc.boolean(),
  ac: fc.boolean(),
});
const access = fc.record({
  index: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
  offset: fc.nat(4095),
  kind: fc.constantFrom('read' as const, 'write' as const, 'execute' as const),
  user: fc.boolean(),
});

/** Four tables of four entries at ROOT, each page frame also a table, so that any entry leads on. */
function layTables(m: SystemMachine, kind: Paging['kind'], entries: readonly bigint[]): void {
  for (const [i, entry] of entries.entries()) {
    const at = ROOT * (1 + (i >> 2));
    if (kind === '32') m.setRam32(at + (i & 3) * 4, Number(BigInt.asUintN(32, entry)));
    else m.setRam64(at + (i & 3) * 8, entry);
  }
}

function setMode(m: SystemMachine, p: Paging, user: boolean): void {
  m.set64(L.CR0, p.wp ? 0x80010011n : 0x80000011n);
  m.set64(L.CR3, BigInt(ROOT));
  m.set64(L.CR4, (p.pse ? 0x10n : 0n) | (p.kind === '32' ? 0n : 0x20n) | (p.smep ? 0x100000n : 0n) | (p.smap ? 0x200000n : 0n));
  m.set64(L.EFER, (p.nxe ? 0x800n : 0n) | (p.kind === '4-level' ? 0x500n : 0n));
  for (let i = 0; i < 4; i++) m.set64(L.PDPTE + i * 8, BigInt(ROOT) | 1n);
  m.set32(L.CPL, user ? 3 : 0);
  m.call('setEflags', p.ac ? 0x40000 : 0, 0x40000);
  m.setSegment(1, 8, 0, 0xffffffff, p.kind === '4-level' ? 0xa09b00 : 0xc09b00);
  m.call('flushTlb', 1);
  m.call('updateContext');
}

function linearOf(kind: Paging['kind'], index: readonly number[], offset: number): bigint {
  const shifts = kind === '32' ? [22n, 12n] : kind === 'pae' ? [21n, 12n] : [39n, 30n, 21n, 12n];
  return shifts.reduce((sum, shift, i) => sum | (BigInt(index[i] as number) << shift), BigInt(offset));
}

describe('page walk', () => {
  it('equals the model in outcome, error code, accessed and dirty bits, and again from the TLB', () => {
    const m = make();
    fc.assert(
      fc.property(paging, tables, fc.array(access, { minLength: 1, maxLength: 4 }), (p, entries, accesses) => {
        const expected = new Map<string, bigint>();
        layTables(m, p.kind, entries);
        setMode(m, p, false);
        const memory: Entries = {
          read: (address, bytes) => expected.get(`${address}`) ?? (bytes === 4 ? BigInt(m.ram32(Number(address))) : m.ram64(Number(address))),
          write: (address, _bytes, value) => void expected.set(`${address}`, value),
        };
        for (const a of accesses) {
          const linear = linearOf(p.kind, a.index, a.offset);
          const wanted: Access = { linear, kind: a.kind, user: a.user };
          const outcome = walk(p, BigInt(ROOT), wanted, memory);
          m.set32(L.CPL, a.user ? 3 : 0);
          m.call('updateContext');
          const kind = ['read', 'write', 'execute'].indexOf(a.kind);
          for (let again = 0; again < 2; again++) {
            const got = m.call('translate', linear, kind) as bigint;
            const fault = m.get32(L.FAULT) ? { error: m.state.getInt32(L.FAULT_ERROR, true) } : { physical: BigInt.asUintN(64, got) };
            m.set32(L.FAULT, 0);
            expect(fault).toEqual(outcome);
          }
        }
        for (const [address, value] of expected) {
          const at = Number(address);
          expect(p.kind === '32' ? BigInt(m.ram32(at)) : m.ram64(at)).toBe(value);
        }
      }),
      { numRuns: 3000, seed: TABLES },
    );
  }, 60_000);
});
