import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../../../jit/state/vcpu-layout.ts';
import { setupLong, setupProtected } from './protected-setup.ts';
import { SystemMachine } from './system-machine.ts';

const MOVS = 0;
const STOS = 1;
const LODS = 2;
const SCAS = 3;
const CMPS = 4;
const INS = 5;
const OUTS = 6;
const RCX = 1;
const RSI = 6;
const RDI = 7;
const DF = 0x400;

let make: () => SystemMachine;
let m: SystemMachine;
beforeAll(async () => {
  make = await SystemMachine.create();
}, 60_000);
beforeEach(() => {
  m = make();
  setupProtected(m);
});

/** Numbers that look random but are the same in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

function run(op: number, size: number, bits: number, rep: number, count: number, source: number, destination: number, seg = 3): void {
  m.setGpr(RCX, count);
  m.setGpr(RSI, source);
  m.setGpr(RDI, destination);
  m.set32(L.BUDGET, 100);
  m.set64(L.RIP, 0x100n);
  m.call('stringOp', op, size, bits, rep, seg);
}

describe('MOVS', () => {
  it('equals a loop over elements, whatever overlaps, crosses pages or runs backwards', () => {
    const next = generator(1);
    const bytes = new Uint8Array(m.ram.buffer);
    for (let round = 0; round < 400; round++) {
      const size = [1, 2, 4][next(3)] as number;
      const backwards = next(3) === 0;
      const count = next(3000);
      const source = 0x40000 + next(0x3000) + (backwards ? 0x3000 : 0);
      const destination = next(2) === 0 ? source + next(64) - 32 : 0x40000 + next(0x4000) + (backwards ? 0x3000 : 0);
      for (let i = 0x3c000; i < 0x4c000; i++) bytes[i] = next(256);
      const expected = bytes.slice();
      const step = backwards ? -size : size;
      for (let i = 0; i < count; i++) {
        const element = expected.slice(source + i * step, source + i * step + size);
        expected.set(element, destination + i * step);
      }
      m.setFlags(backwards ? DF : 0);
      run(MOVS, size, 32, 1, count, source, destination);
      expect([m.gpr(RCX), m.gpr(RSI), m.gpr(RDI), m.get64(L.RIP)]).toEqual([0n, BigInt(source + count * step), BigInt(destination + count * step), 0x102n]);
      expect(Buffer.compare(bytes.subarray(0x3c000, 0x50000), expected.subarray(0x3c000, 0x50000)), `round ${round}`).toBe(0);
    }
  });
  it('wraps 16-bit index registers and keeps their upper halves', () => {
    m.setSegment(3, 0x10, 0x20000, 0xffff, 0x9300);
    m.setSegment(0, 0x10, 0x30000, 0xffff, 0x9300);
    m.ram.setUint8(0x2ffff, 0xaa);
    m.ram.setUint8(0x20000, 0xbb);
    run(MOVS, 1, 16, 1, 0x50002, 0x6ffff, 0x7fffe);
    expect([m.ram.getUint8(0x3fffe), m.ram.getUint8(0x3ffff)]).toEqual([0xaa, 0xbb]);
    expect([m.gpr(RCX), m.gpr(RSI), m.gpr(RDI)]).toEqual([0x50000n, 0x60001n, 0x70000n]);
  });
  it('leaves exact progress when a page fault comes in the middle', () => {
    setupLong(m);
    const last = 0x1ffff0;
    run(STOS, 8, 64, 0, 1, 0, 0x5000);
    m.setGpr(0, 0x1122334455667788n);
    m.setGpr(RCX, 5);
    m.setGpr(RDI, last);
    m.set64(L.RIP, 0x100n);
    expect(m.faultOf('stringOp', STOS, 8, 64, 1, 0)).toEqual({ vector: 14, error: 2 });
    expect([m.gpr(RCX), m.gpr(RDI), m.get64(L.CR2), m.get64(L.RIP)]).toEqual([3n, 0x200000n, 0x200000n, 0x100n]);
    expect([m.ram64(last), m.ram64(last + 8)]).toEqual([0x1122334455667788n, 0x1122334455667788n]);
  });
  it('stops at segment limits with the elements before done', () => {
    m.setSegment(0, 0x10, 0, 0x5fff, 0x409300);
    m.setGpr(RCX, 10);
    m.setGpr(RSI, 0x9000);
    m.setGpr(RDI, 0x5ff8);
    expect(m.faultOf('stringOp', MOVS, 4, 32, 1, 3)).toEqual({ vector: 13, error: 0 });
    expect([m.gpr(RCX), m.gpr(RSI), m.gpr(RDI)]).toEqual([8n, 0x9008n, 0x6000n]);
  });
  it('can be interrupted after some thousand elements and goes on', () => {
    m.setGpr(RCX, 20000);
    m.setGpr(RSI, 0x100000);
    m.setGpr(RDI, 0x200000);
    m.set32(L.INTR_PENDING, 1);
    m.call('stringOp', MOVS, 4, 32, 1, 3);
    expect(m.get64(L.RIP)).toBe(0x100n);
    const left = m.gpr(RCX);
    expect(left).toBeLessThan(20000n - 4096n + 1n);
    expect(m.gpr(RSI)).toBe(0x100000n + (20000n - left) * 4n);
    m.set32(L.INTR_PENDING, 0);
    m.set32(L.BUDGET, 100);
    m.call('stringOp', MOVS, 4, 32, 1, 3);
    expect([m.get64(L.RIP), m.gpr(RCX)]).toEqual([0x102n, 0n]);
  });
  it('does one element at a time while TF is set', () => {
    m.setFlags(0x100);
    run(MOVS, 4, 32, 1, 3, 0x100000, 0x200000);
    expect([m.get64(L.RIP), m.gpr(RCX)]).toEqual([0x100n, 2n]);
  });
  it('tells of code that is overwritten', () => {
    m.codeMap.set(0x200, 1n);
    m.calls.length = 0;
    run(MOVS, 4, 32, 1, 2048, 0x100000, 0x1ff000);
    expect(m.calls).toEqual([{ name: 'codeWritten', args: [0x200000, 4096] }]);
  });
  it('reads and writes devices element by element', () => {
    m.device = (address) => address & 0xff;
    run(MOVS, 2, 32, 1, 2, 0xa0010, 0x5000);
    expect(m.ram32(0x5000)).toBe(0x00120010);
    m.calls.length = 0;
    run(STOS, 1, 32, 1, 2, 0, 0xb8000);
    expect(m.calls.map((c) => c.name)).toEqual(['mmioWrite', 'mmioWrite']);
  });
});

describe('the others', () => {
  it('fills with patterns of every size in both directions', () => {
    for (const [size, value] of [
      [1, 0xa1n],
      [2, 0xb2a1n],
      [4, 0xd4c3b2a1n],
      [4, 0n],
    ] as const) {
      for (const backwards of [false, true]) {
        m.setFlags(backwards ? DF : 0);
        m.setGpr(0, value);
        run(STOS, size, 32, 1, 2500, 0, 0x60003);
        const step = backwards ? -size : size;
        for (const i of [0, 1, 1000, 2499]) {
          for (let b = 0; b < size; b++) expect(m.ram.getUint8(0x60003 + i * step + b)).toBe(Number((value >> BigInt(b * 8)) & 0xffn));
        }
      }
    }
  });
  it('scans for a byte and sets flags as CMP does', () => {
    m.ram.setUint8(0x61005, 0x42);
    m.setGpr(0, 0x42);
    run(SCAS, 1, 32, 2, 0xffffffff, 0, 0x60000);
    expect([m.gpr(RDI), m.gpr(RCX), m.flags() & 0x8d5]).toEqual([0x61006n, 0xffffffffn - 0x1006n, 0x44]);
    m.setGpr(0, 0x10);
    run(SCAS, 1, 32, 0, 7, 0, 0x61005);
    expect([m.gpr(RCX), m.flags() & 0x8d5]).toEqual([7n, 0x91]);
  });
  it('compares strings up to the difference', () => {
    m.ram.setUint8(0x62fff, 1);
    m.ram.setUint8(0x72fff, 2);
    run(CMPS, 1, 32, 1, 0x5000, 0x60000, 0x70000);
    expect([m.gpr(RSI), m.gpr(RDI), m.gpr(RCX), m.flags() & 0x8d5]).toEqual([0x63000n, 0x73000n, 0x2000n, 0x95]);
    const flags = m.flags();
    run(CMPS, 4, 32, 1, 0, 0x60000, 0x70000);
    expect(m.flags()).toBe(flags);
  });
  describe('SCAS and CMPS against loops over elements', () => {
    const element = (address: number, size: number): number => {
      if (size === 1) return m.ram.getUint8(address);
      return size === 2 ? m.ram.getUint16(address, true) : m.ram32(address);
    };
    /** Pairs looked at until the repetition ends, and the last pair. */
    const compare = (count: number, rep: number, pair: (i: number) => readonly [number, number]): { seen: number; last: readonly [number, number] } => {
      let seen = 0;
      for (;;) {
        const last = pair(seen++);
        if (seen === count || (last[0] === last[1]) !== (rep === 1)) return { seen, last };
      }
    };
    const comparison = ([left, right]: readonly [number, number]): number => (left === right ? 0x40 : 0) | (left < right ? 1 : 0);
    it.each(Array.from({ length: 60 }, (_, seed) => seed))('seed %i', (seed) => {
      const next = generator(seed);
      const pick = (values: readonly number[]): number => values[next(values.length)] as number;
      const size = pick([1, 1, 2, 4]);
      const rep = pick([1, 2]);
      const step = pick([-size, size, size, size]);
      const count = 1 + next(60);
      const value = pick([0, 0x80808080]);
      const byte = value & 0xff;
      for (let i = 0; i < 0x800; i++) {
        m.ram.setUint8(0x60c00 + i, rep === 1 ? byte : 0x5a);
        m.ram.setUint8(0x70c00 + i, rep === 1 ? byte : next(256));
      }
      m.ram.setUint8(0x60fc0 + next(100), pick([byte, 0x81]));
      m.ram.setUint8(0x70fc0 + next(100), pick([byte, 0x81]));
      const source = 0x60fd0 + next(30);
      const target = 0x70fd0 + next(30);
      const left = value & (size === 4 ? -1 : (1 << (8 * size)) - 1);
      m.setFlags(step < 0 ? DF : 0);
      m.setGpr(0, value);
      const scan = compare(count, rep, (i) => [left >>> 0, element(target + step * i, size)]);
      run(SCAS, size, 32, rep, count, 0, target);
      expect([m.gpr(RDI), m.gpr(RCX), m.flags() & 0x41]).toEqual([BigInt(target + step * scan.seen), BigInt(count - scan.seen), comparison(scan.last)]);
      const both = compare(count, rep, (i) => [element(source + step * i, size), element(target + step * i, size)]);
      run(CMPS, size, 32, rep, count, source, target);
      expect([m.gpr(RSI), m.gpr(RDI), m.gpr(RCX), m.flags() & 0x41]).toEqual([
        BigInt(source + step * both.seen),
        BigInt(target + step * both.seen),
        BigInt(count - both.seen),
        comparison(both.last),
      ]);
    });
  });
  it('loads the last element', () => {
    m.setRam32(0x5010, 0x11223344);
    m.setGpr(0, -1n);
    run(LODS, 4, 32, 1, 5, 0x5000, 0);
    expect([m.gpr(0), m.gpr(RSI)]).toEqual([0x11223344n, 0x5014n]);
  });
  it('moves words between ports and memory after checking both', () => {
    m.setGpr(2, 0x1f0);
    m.device = () => 0xbeef;
    run(INS, 2, 32, 1, 3, 0, 0x5fff);
    expect([m.ram.getUint16(0x5fff, true), m.ram.getUint16(0x6003, true), m.calls.length]).toEqual([0xbeef, 0xbeef, 3]);
    m.calls.length = 0;
    run(OUTS, 2, 32, 1, 2, 0x5fff, 0);
    expect(m.calls).toEqual([
      { name: 'portOut', args: [0x1f0, 2, 0xbeef] },
      { name: 'portOut', args: [0x1f0, 2, 0xbeef] },
    ]);
    m.set32(L.CPL, 3);
    m.ram.setUint16(0x12066, 0x68, true);
    m.ram.setUint16(0x12068 + 0x3e, 1, true);
    expect(m.faultOf('stringOp', OUTS, 2, 32, 0, 3)).toEqual({ vector: 13, error: 0 });
    m.setGpr(2, 0x1f1);
    expect(m.faultOf('stringOp', OUTS, 2, 32, 0, 3)).toBeNull();
    expect(m.faultOf('ioIn', 0x1f0, 1)).toEqual({ vector: 13, error: 0 });
    expect(m.faultOf('ioIn', 0xffff, 1)).toBeNull();
    m.set32(L.SEG_TR + L.SEG_LIMIT, 0x2067);
    expect(m.faultOf('ioIn', 0xffff, 1)).toEqual({ vector: 13, error: 0 });
  });
});
