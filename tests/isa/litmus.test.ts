import { describe, expect, it } from 'vitest';
import { DATA } from '../support/long-mode-core.ts';
import { runShared } from '../support/shared-cores.ts';

const RCX = 1;
const RDX = 2;

/** RCX rounds of every form of LOCK on words that all vCPUs share, misaligned and across pages too. */
const COUNTERS = `bb000002004189fe41c1e602f0ff03b803000000f0480fc14308f080431001f06683431803f048836b20018b43288d5005f00fb1532875f6488b4330488b533048c1ea20
89c0535189dd89c389d183c30183d102f00fc74d30595b75e9f083434201f083434e01f048ff83fc0f0000f0440fab7360f0440fb373607317f9f083536801f0f75b70f0f75378ffc90f8579fffffff40f0b`;
/** RCX rounds of XCHG as a lock around plain increments. */
const SPINLOCK = 'bb00000200b801000000870385c0740ef390833b0075f9b801000000ebec48ff434083834010000007c70300000000ffc975d2f4';
/** Each round: meet the other, store the round's number, MFENCE if RDX, load what the other stores. */
const BUFFERING = `bb000002004189f841c1e0074101d84189f94183f10141c1e1074101d941ba0100000041bc000010004189fd41c1e5034501ec45895040453951407cfa45891084d27403
0faef0418b01418904244983c41041ffc24139ca7cd9f4`;
/** vCPU 0 writes two values and then a flag, the other reads in the opposite order; #UD when it sees them out of order. */
const MESSAGE =
  'bb0000020041ba0100000085ff75174c8953404c8993801000004c891349ffc24939ca7ceaf4488b03488b93801000004c8b43404839c27c124939d07c0d49ffc14c8d58014939cb7cdcf40f0b';
/** RCX rounds: pop a node off a stack by CMPXCHG16B, count in it, push it back. */
const STACK =
  'bd000002004189cf488b4500488b55084885c074f3488b18488d4a01f0480fc74d0075ec4989c049ff4008488b4500488b55084989004c89c3488d4a01f0480fc74d0075ee41ffcf75bef4';

const PAIR = [0, 1] as const;
const rounds = (count: number, fence = 0) => ({ registers: { [RCX]: BigInt(count), [RDX]: BigInt(fence) } });

describe.each([
  ['the interpreter', null, 1],
  ['the translator', 5, 8],
] as const)('several vCPUs over one memory in %s', (_name, hotLimit, more) => {
  it.each([2, 4])('lose no update of any form of LOCK: %i vCPUs', async (vcpus) => {
    const each = 2500 * more;
    const total = BigInt(each * vcpus);
    const { ram, reports } = await runShared({
      code: COUNTERS,
      hotLimit,
      vcpus: Array.from({ length: vcpus }, () => rounds(each)),
      prepare: (view) => void [view.setUint32(DATA + 0x70, 5, true), view.setUint32(DATA + 0x78, 5, true)],
    });
    expect(reports.map((r) => r.end)).toEqual(reports.map(() => 'halt'));
    if (hotLimit !== null) for (const r of reports) expect(r.regions).toBeGreaterThan(0);
    const u32 = (at: number): bigint => BigInt(ram.getUint32(DATA + at, true));
    const u64 = (at: number): bigint => ram.getBigUint64(DATA + at, true);
    expect({
      inc: u32(0),
      xadd: u64(8),
      addByte: BigInt(ram.getUint8(DATA + 0x10)),
      addWord: BigInt(ram.getUint16(DATA + 0x18, true)),
      sub: BigInt.asIntN(64, u64(0x20)),
      cmpxchg: u32(0x28),
      cmpxchg8b: u64(0x30),
      misaligned: BigInt(ram.getUint32(DATA + 0x42, true)),
      split: BigInt(ram.getUint32(DATA + 0x4e, true)),
      acrossPages: BigInt(ram.getUint32(DATA + 0xffc, true)),
      bits: u32(0x60),
      adc: u32(0x68),
      neg: u32(0x70),
      not: u32(0x78),
    }).toEqual({
      inc: total,
      xadd: 3n * total,
      addByte: total & 0xffn,
      addWord: (3n * total) & 0xffffn,
      sub: -total,
      cmpxchg: 5n * total,
      cmpxchg8b: total * (1n + 2n ** 33n),
      misaligned: total,
      split: total,
      acrossPages: total,
      bits: 0n,
      adc: 2n * total,
      neg: 5n,
      not: 5n,
    });
  });

  it('exclude each other by XCHG', async () => {
    const each = 4000 * more;
    const { ram, reports } = await runShared({ code: SPINLOCK, hotLimit, vcpus: PAIR.map(() => rounds(each)) });
    expect(reports.map((r) => r.end)).toEqual(['halt', 'halt']);
    expect([ram.getBigUint64(DATA + 0x40, true), ram.getUint32(DATA + 0x1040, true)]).toEqual([BigInt(2 * each), 14 * each]);
  });

  it("never both miss the other's store before MFENCE", async () => {
    const each = 600 * more;
    const { ram, reports } = await runShared({ code: BUFFERING, hotLimit, vcpus: PAIR.map(() => rounds(each, 1)) });
    expect(reports.map((r) => r.end)).toEqual(['halt', 'halt']);
    const missed = (round: number, vcpu: number): boolean => ram.getUint32(0x100000 + (round - 1) * 16 + vcpu * 8, true) < round;
    let both = 0;
    for (let round = 1; round < each; round++) if (missed(round, 0) && missed(round, 1)) both++;
    expect(both).toBe(0);
  });

  it("see each other's stores soon without MFENCE", async () => {
    const each = 600 * more;
    const { ram, reports } = await runShared({ code: BUFFERING, hotLimit, vcpus: PAIR.map(() => rounds(each)) });
    expect(reports.map((r) => r.end)).toEqual(['halt', 'halt']);
    // what the other stores in a round is there at the latest when both have met again
    const behind = (round: number, vcpu: number): number => round - ram.getUint32(0x100000 + (round - 1) * 16 + vcpu * 8, true);
    const seen = new Set<number>();
    for (let round = 1; round < each; round++) for (const vcpu of PAIR) seen.add(behind(round, vcpu));
    for (const distance of seen) expect([0, 1]).toContain(distance);
  });

  it('see stores in their order', async () => {
    const { reports } = await runShared({ code: MESSAGE, hotLimit, vcpus: PAIR.map(() => rounds(30_000 * more)) });
    expect(reports.map((r) => r.end)).toEqual(['halt', 'halt']);
  });

  it('share a stack by CMPXCHG16B', async () => {
    const each = 600 * more;
    const nodes = 3;
    const { ram, reports } = await runShared({
      code: STACK,
      hotLimit,
      vcpus: PAIR.map(() => rounds(each)),
      prepare: (view) => {
        for (let i = 0; i < nodes; i++) view.setBigUint64(DATA + 0x1000 + i * 16, i === 0 ? 0n : BigInt(DATA + 0x1000 + (i - 1) * 16), true);
        view.setBigUint64(DATA, BigInt(DATA + 0x1000 + (nodes - 1) * 16), true);
      },
    });
    expect(reports.map((r) => r.end)).toEqual(['halt', 'halt']);
    const counted = Array.from({ length: nodes }, (_, i) => Number(ram.getBigUint64(DATA + 0x1008 + i * 16, true)));
    expect(counted.reduce((a, b) => a + b)).toBe(2 * each);
    let found = 0;
    for (let at = Number(ram.getBigUint64(DATA, true)); at !== 0 && found <= nodes; at = Number(ram.getBigUint64(at, true))) found++;
    expect([found, ram.getBigUint64(DATA + 8, true)]).toEqual([nodes, BigInt(4 * each)]);
  });
});
