import { beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../jit/state/vcpu-layout.ts';
import { CODE, DATA, SELECTOR, SnippetMachine } from '../support/snippet-machine.ts';

const AC = 0x40000;
const AM = 0x40000n;
const BX = 3;
const SP = 4;
const ALIGNMENT = 'fault 17';
/** At CPL 3 HLT ends a snippet by #GP. */
const END = 'fault 13';

let m: SnippetMachine;

/** User code with CR0.AM and EFLAGS.AC, EBX at an odd address. */
beforeEach(async () => {
  m = await SnippetMachine.create('protected');
  const { view, exports } = m.core;
  for (const [at, selector, rights] of [
    [L.SEG_CS, SELECTOR.userCode, 0xc0fb00],
    [L.SEG_SS, SELECTOR.userData, 0xc0f300],
    [L.SEG_DS, SELECTOR.userData, 0xc0f300],
    [L.SEG_ES, SELECTOR.userData, 0xc0f300],
  ] as const) {
    view.setUint32(at + L.SEG_SELECTOR, selector, true);
    view.setUint32(at + L.SEG_ATTR, rights, true);
  }
  view.setUint32(L.CPL, 3, true);
  view.setBigUint64(L.CR0, view.getBigUint64(L.CR0, true) | AM, true);
  view.setUint32(L.EFLAGS, AC | 2, true);
  exports.updateContext();
});

const run = (hex: string, address = DATA + 1, registers: Record<number, bigint> = {}): string => m.run(`${hex} f4`, { [BX]: BigInt(address), ...registers });

/** SDM vol 3, 6.15, interrupt 17, with table 6-7. */
describe('#AC', () => {
  it.each([
    ['a word', '66 8b 03', 2],
    ['a doubleword', '8b 03', 4],
    ['a doubleword that is stored', '89 03', 4],
    ['a read-modify-write', '01 03', 4],
    ['a locked one', 'f0 01 03', 4],
    ['an x87 double', 'dd 03', 8],
    ['an x87 single', 'd9 03', 4],
    ['a quadword of SSE', 'f2 0f 10 03', 8],
    ['a bit string', '0f a3 03', 4],
    ['CMPXCHG8B', '0f c7 0b', 8],
  ])('comes for %s off its boundary, with error code 0 and nothing done', (_, hex, size) => {
    expect(run(hex, DATA + size / 2)).toBe(ALIGNMENT);
    expect([m.core.rip, m.core.view.getInt32(L.FAULT_ERROR, true)]).toEqual([BigInt(CODE), 0]);
    expect(m.ram.getUint32(DATA, true)).toBe(0);
    expect(run(hex, DATA + size)).toBe(END);
  });
  it('never comes for bytes, nor for MOVUPS', () => {
    expect([run('8a 03'), run('0f 10 03')]).toEqual([END, END]);
  });
  it('is #GP(0) and no #AC for MOVAPS', () => {
    expect(run('0f 28 03')).toBe('fault 13');
    expect(m.core.rip).toBe(BigInt(CODE));
  });
  it('comes for the stack too', () => {
    expect(run('bc 02 80 03 00 50')).toBe(ALIGNMENT);
    expect([m.core.rip, m.core.gpr(SP)]).toEqual([BigInt(CODE + 5), 0x38002n]);
  });
  it('comes for strings at the element, with those before done', () => {
    m.core.setGpr(1, 3n);
    expect(run('66 f3 a5', DATA, { 1: 3n, 6: BigInt(DATA), 7: BigInt(DATA + 0x101) })).toBe(ALIGNMENT);
    expect([m.register(1, 32), m.register(6, 32)]).toEqual([3n, BigInt(DATA)]);
  });
  it('needs all of CPL 3, CR0.AM and EFLAGS.AC', () => {
    const { view, exports } = m.core;
    view.setUint32(L.EFLAGS, 2, true);
    exports.updateContext();
    expect(run('8b 03')).toBe(END);
    view.setUint32(L.EFLAGS, AC | 2, true);
    view.setBigUint64(L.CR0, view.getBigUint64(L.CR0, true) & ~AM, true);
    exports.updateContext();
    expect(run('8b 03')).toBe(END);
  });
  it('starts with the instruction after the POPF that sets AC', () => {
    const { view, exports } = m.core;
    view.setUint32(L.EFLAGS, 2, true);
    exports.updateContext();
    expect(run('8b 03 68 02 00 04 00 9d 8b 03')).toBe(ALIGNMENT);
    expect(m.core.rip).toBe(BigInt(CODE + 8));
  });
});
