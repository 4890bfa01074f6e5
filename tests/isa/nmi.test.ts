import { beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../jit/state/vcpu-layout.ts';
import { CODE, SnippetMachine } from '../support/snippet-machine.ts';

const AX = 0;
const CX = 1;
/** Where the handlers of the NMI and of interrupt 20h are; they count in CX and DX. */
const NMI = CODE + 0x400;
const INTERRUPT = CODE + 0x500;
const IRET32 = 'cf';

let m: SnippetMachine;
const put = (at: number, hex: string): void => new Uint8Array(m.ram.buffer).set(Buffer.from(hex.replace(/\s/g, ''), 'hex'), at);
const raise = (): void => m.core.view.setUint32(L.NMI_PENDING, 1, true);

/** Where each delivery interrupted the code, from the frames on the stack at the handlers' first instruction. */
let interrupted: bigint[] = [];

beforeEach(async () => {
  m = await SnippetMachine.create('protected');
  m.core.stopOnFault = false;
  m.gate(2, NMI);
  m.gate(0x20, INTERRUPT);
  put(NMI, `41 ${IRET32}`); // inc ecx
  put(INTERRUPT, `42 ${IRET32}`); // inc edx
  interrupted = [];
  m.core.onBlock = () => {
    if (m.core.rip === BigInt(NMI)) interrupted.push(BigInt(m.ram.getUint32(Number(m.core.gpr(4)), true) - CODE));
  };
});

/** SDM vol 3, 6.7: the NMI and its blocking. */
describe('a non-maskable interrupt', () => {
  it('comes whatever IF says, and IRET goes back', () => {
    raise();
    expect(m.run('fa 40 40 f4')).toBe('halt');
    expect([m.register(AX, 32), m.register(CX, 32), interrupted]).toEqual([2n, 1n, [0n]]);
  });
  it('waits while one is handled, until IRET', () => {
    put(NMI, `41 c7 05 ${'00 09 00 00'} 01 00 00 00 90 90 ${IRET32}`);
    const waits: number[] = [];
    m.core.everyBlock = true;
    const note = m.core.onBlock;
    m.core.onBlock = () => {
      note?.();
      if (m.core.rip === BigInt(NMI) && interrupted.length === 1) raise();
      waits.push(m.core.view.getUint32(L.NMI_BLOCKED, true));
    };
    raise();
    expect(m.run('40 f4')).toBe('halt');
    expect([m.register(CX, 32), interrupted]).toEqual([2n, [0n, 0n]]);
    expect(waits).toContain(1);
    expect(m.core.view.getUint32(L.NMI_BLOCKED, true)).toBe(0);
  });
  it('comes before a maskable interrupt that waits too', async () => {
    let waiting = true;
    const host = (m.core as unknown as { host: { hasInterrupt(): boolean; acknowledgeInterrupt(): number } }).host;
    Object.assign(host, {
      hasInterrupt: () => waiting,
      acknowledgeInterrupt: () => {
        waiting = false;
        return 0x20;
      },
    });
    const order: string[] = [];
    m.core.onBlock = () => {
      if (m.core.rip === BigInt(NMI)) order.push('nmi');
      if (m.core.rip === BigInt(INTERRUPT)) order.push('interrupt');
    };
    m.core.everyBlock = true;
    m.core.view.setUint32(L.EFLAGS, 0x202, true);
    raise();
    expect(m.run('90 f4')).toBe('halt');
    expect(order).toEqual(['nmi', 'interrupt']);
  });
  it('waits for the instruction after MOV SS', () => {
    const note = m.core.onBlock;
    m.core.onBlock = () => {
      note?.();
      if (m.core.rip === BigInt(CODE)) raise();
    };
    m.core.everyBlock = true;
    expect(m.run('66 8e d0 40 40 f4', { 0: 0x10n })).toBe('halt');
    expect([m.register(CX, 32), interrupted]).toEqual([1n, [4n]]);
  });
  it('takes no error code and does not set RF, and a fault of its IRET lets NMIs in again', () => {
    put(NMI, 'c7 44 24 04 00 01 00 00 cf'); // CS 0100h: beyond the table
    m.gate(13, INTERRUPT);
    put(INTERRUPT, 'f4');
    raise();
    expect(m.run('90 f4')).toBe('halt');
    expect(m.core.view.getUint32(L.NMI_BLOCKED, true)).toBe(0);
  });
});
