import { describe, expect, it } from 'vitest';
import { compareTraces, formatComparison } from '../../support/compare-trace.ts';
import { readQemuTrace, readXylemTrace, type TraceEntry } from '../../support/trace-readers.ts';

/** A trace as text `rip:rax`, in hex. */
function trace(text: string): TraceEntry[] {
  return text.split(' ').map((item, line) => {
    const [rip = '', rax = '0'] = item.split(':');
    return {
      rip: BigInt(`0x${rip}`),
      registers: new Map([
        ['RAX', BigInt(`0x${rax}`)],
        ['EFL', 2n],
      ]),
      line,
    };
  });
}
const compare = (ours: string, theirs: string) => compareTraces(trace(ours), trace(theirs), { window: 32 });

describe('compareTraces', () => {
  it('agrees with itself', () => expect(compare('10:1 20:2 30:3', '10:1 20:2 30:3')).toEqual({ matched: 3 }));

  it('lets blocks end at other places', () => expect(compare('10:1 18:1 20:2 30:3', '10:1 20:2 28:2 30:3')).toEqual({ matched: 3 }));

  it('lets the other one run through its firmware first', () => expect(compare('10:1 20:2', 'fff0 fff5 10:1 20:2')).toEqual({ matched: 2 }));

  it('takes the turns of a repeated string instruction for one', () => {
    expect(compare('10:1 20:5 30:6', '10:1 20:5 20:4 20:3 30:6')).toEqual({ matched: 3 });
  });

  it('accepts what loaders left differently, until it is changed', () => {
    expect(compare('10:1 20:1 30:7', '10:9 20:9 30:7')).toEqual({ matched: 3 });
    expect(compare('10:1 20:1 30:2', '10:9 20:9 30:a').divergence).toMatchObject({ registers: ['RAX'] });
  });

  it('finds the first register that differs, with what went before', () => {
    const comparison = compare('10:1 20:2 30:3 40:4', '10:1 20:2 30:5 40:4');
    expect(comparison).toMatchObject({ matched: 2, divergence: { registers: ['RAX'], ours: { rip: 0x30n }, theirs: { rip: 0x30n } } });
    expect(formatComparison(comparison)).toContain('RAX ours 0000000000000003 theirs 0000000000000005');
  });

  it('finds where the paths part', () => {
    const tail = (start: number): string => Array.from({ length: 100 }, (_, i) => (start + i * 16).toString(16)).join(' ');
    expect(compare(`10:1 20:2 ${tail(0x1000)}`, `10:1 20:2 ${tail(0x9000)}`)).toMatchObject({ matched: 2, divergence: { registers: [] } });
  });

  it('can leave flags out', () => {
    const entry = (flags: bigint): TraceEntry[] => [1n, 2n].map((rip) => ({ rip, registers: new Map([['EFL', rip === 1n ? 2n : flags]]), line: 1 }));
    expect(compareTraces(entry(0x06n), entry(0x12n)).divergence?.registers).toEqual(['EFL']);
    expect(compareTraces(entry(0x06n), entry(0x12n), { flags: 0x8c1n }).divergence).toBeUndefined();
  });
});

describe('readers', () => {
  it('read our lines', () => {
    const line = `N=3 RIP=0000000000100013 EFL=00000046 CPL=0 RAX=0000000000000001 R15=00000000000000ff`;
    const [entry] = [...readXylemTrace([line])];
    expect(entry).toMatchObject({ rip: 0x100013n, line: 1 });
    expect([...(entry?.registers ?? [])]).toEqual(
      expect.arrayContaining([
        ['RAX', 1n],
        ['EFL', 0x46n],
        ['R15', 0xffn],
      ]),
    );
  });

  it("read QEMU's dumps of 32 and of 64 bits", () => {
    const log32 = [
      'Trace 0: 0x7f [0/10/b0/0]',
      'EAX=2badb002 EBX=00009500 ECX=0010000c EDX=00000511',
      'ESI=00000000 EDI=00001000 EBP=00000000 ESP=00006f08',
      'EIP=0010000c EFL=00000006 [-----P-] CPL=0 II=0 A20=1',
      'CR0=00000011 CR2=00000000',
    ];
    const log64 = [
      'RAX=0000000000000005 RBX=0 RCX=0 RDX=0',
      'RSI=0 RDI=0 RBP=0 RSP=0',
      'R8 =0000000000000008 R9 =0 R10=0 R11=0',
      'R12=0 R13=0 R14=0 R15=000000000000000f',
      'RIP=ffffffff81000000 RFL=00000246 [---Z-P-] CPL=0',
    ];
    const [first, second] = [...readQemuTrace([...log32, ...log64])];
    expect(first).toMatchObject({ rip: 0x10000cn, line: 4 });
    expect(first?.registers.get('RBX')).toBe(0x9500n);
    expect(second?.rip).toBe(0xffffffff81000000n);
    expect(['R8', 'R15', 'EFL'].map((name) => second?.registers.get(name))).toEqual([8n, 15n, 0x246n]);
  });
});
