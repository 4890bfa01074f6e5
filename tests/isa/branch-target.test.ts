import { describe, expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { CODE, DATA, SnippetMachine, type SnippetMode } from '../support/snippet-machine.ts';
import { SynchronousTranslator } from '../support/synchronous-translator.ts';

const [AX, CX, SP, BX] = [0, 1, 4, 3];
/** The last page of the lower half of linear addresses. */
const TOP = 0x7fff_ffff_f000n;
const STACK = 0x400;

/** Registers and RIP after a fault; a vector of -1 when there was none. */
interface Outcome {
  readonly vector: number;
  readonly error: number;
  readonly rip: bigint;
  readonly cx: bigint;
  readonly sp: bigint;
}

/** A machine whose first instruction is NOP, so that translated blocks have something to begin with. */
async function machine(mode: SnippetMode, tier: string, hex: string): Promise<SnippetMachine> {
  const m = await SnippetMachine.create(mode);
  new Uint8Array(m.ram.buffer).set(Buffer.from(`90${hex.replace(/\s/g, '')}`, 'hex'), CODE);
  if (tier === 'translator') {
    const { index } = await loadInterpreter();
    new SynchronousTranslator(m.core, index, 0);
  }
  return m;
}

function run({ core }: SnippetMachine, rip: bigint): Outcome {
  core.rip = rip;
  core.view.setInt32(L.FAULT, 0, true);
  const ended = core.run(1000);
  return {
    vector: ended === 'fault' ? core.view.getInt32(L.FAULT_VECTOR, true) : -1,
    error: core.view.getInt32(L.FAULT_ERROR, true),
    rip: core.rip,
    cx: core.gpr(CX),
    sp: core.gpr(SP),
  };
}

const limits = (m: SnippetMachine, segment: number, limit: number): void => {
  m.core.view.setUint32(segment + L.SEG_LIMIT, limit, true);
  m.core.exports.updateContext();
};

/** Near branches by what they do beside branching; the bytes are those for 64-bit code, the target is 0x1000 behind the second instruction. */
const LONG = [
  ['JMP rel32', 'e9 fa 0f 00 00'],
  ['JE rel32', '0f 84 fa 0f 00 00'],
  ['LOOP', 'e2 7e'],
  ['JRCXZ', 'e3 7e'],
  ['CALL rel32', 'e8 fa 0f 00 00'],
  ['JMP RAX', 'ff e0'],
  ['JMP [RBX]', 'ff 23'],
  ['CALL RAX', 'ff d0'],
  ['RET', 'c3'],
] as const;

describe.each(['interpreter', 'translator'])('targets of near branches in the %s', (tier) => {
  /** SDM vol 2, JMP, Jcc, LOOP, CALL, RET: #GP(0) if the target is not canonical; nothing is written. */
  it.each(LONG)('that are not canonical: %s', async (name, hex) => {
    const m = await machine('long', tier, hex);
    m.ram.setBigUint64(0x40000 + 255 * 8, 0x43003n, true);
    m.ram.setBigUint64(0x43000 + 511 * 8, 0x44003n, true);
    m.ram.setBigUint64(0x44000 + 511 * 8, 0x45003n, true);
    m.ram.setBigUint64(0x45000 + 511 * 8, BigInt(CODE) | 3n, true);
    const short = name === 'LOOP' || name === 'JRCXZ';
    const start = short ? TOP + 0xfc0n : TOP;
    if (short) new Uint8Array(m.ram.buffer).copyWithin(CODE + 0xfc0, CODE, CODE + 8);
    const { core } = m;
    core.setGpr(AX, TOP + 0x1000n);
    core.setGpr(BX, BigInt(DATA));
    core.setGpr(CX, name === 'LOOP' ? 7n : 0n);
    core.setGpr(SP, 0x38000n);
    core.exports.setEflags(0x40, 0x40);
    for (const at of [DATA, 0x38000]) m.ram.setBigUint64(at, TOP + 0x1000n, true);
    m.ram.setBigUint64(0x37ff8, 0x5a5an, true);
    for (let i = 0; i < 3; i++) expect(run(m, start)).toEqual({ vector: 13, error: 0, rip: start + 1n, cx: name === 'LOOP' ? 7n : 0n, sp: 0x38000n });
    expect(m.ram.getBigUint64(0x37ff8, true)).toBe(0x5a5an);
    expect(core.executed).toBe(3);
  });

  /** The same with a target beyond the limit of CS, in 16-bit code. */
  it.each([
    ['JMP rel16', 'e9 00 20'],
    ['JE rel16', '0f 84 00 20'],
    ['LOOP', 'e2 7e'],
    ['JCXZ', 'e3 7e'],
    ['CALL rel16', 'e8 00 20'],
    ['JMP AX', 'ff e0'],
    ['JMP [BX]', 'ff 27'],
    ['CALL AX', 'ff d0'],
    ['RET', 'c3'],
  ])('that are beyond the limit: %s', async (name, hex) => {
    const m = await machine('real', tier, hex);
    const { core } = m;
    const short = /LOOP|CXZ/.test(name);
    const cx = name === 'LOOP' ? 7n : 0n;
    core.setGpr(AX, 0x2004n);
    core.setGpr(BX, 0x100n);
    core.setGpr(CX, cx);
    core.setGpr(SP, BigInt(STACK));
    core.exports.setEflags(0x40, 0x40);
    for (const at of [DATA + 0x100, 0x30000 + STACK]) m.ram.setUint16(at, 0x2004, true);
    m.ram.setUint16(0x30000 + STACK - 2, 0x5a5a, true);
    // short branches begin near the end
    const rip = short ? 0x1fc0n : 0n;
    if (short) new Uint8Array(m.ram.buffer).copyWithin(CODE + 0x1fc0, CODE, CODE + 8);
    limits(m, L.SEG_CS, 0x2003);
    for (let i = 0; i < 3; i++) expect(run(m, rip)).toEqual({ vector: 13, error: 0, rip: rip + 1n, cx, sp: BigInt(STACK) });
    expect(m.ram.getUint16(0x30000 + STACK - 2, true)).toBe(0x5a5a);
  });
});

describe.each(['interpreter', 'translator'])('operands beyond the limit of their segment in the %s', (tier) => {
  it.each([
    ['MOV AX, [BX]', '8b 07', 13],
    ['MOV [BX], AX', '89 07', 13],
    ['ADD [BX], AX', '01 07', 13],
    ['MOVAPS XMM0, [BX]', '0f 28 07', 13],
    ['POP [BX], with the stack pointer as it was', '8f 07', 13],
    ['POP [BP+DI]', '8f 03', 12],
    ['PUSH AX', '50', 12],
    ['RET', 'c3', 12],
  ])('%s', async (name, hex, vector) => {
    const m = await machine('real', tier, hex);
    const { core } = m;
    limits(m, L.SEG_DS, 0xfff);
    limits(m, L.SEG_SS, 0x7fff);
    core.setGpr(BX, 0xfffn);
    core.setGpr(5, 0x7fffn);
    core.setGpr(7, 0n);
    const sp = name === 'PUSH AX' || name === 'RET' ? 0x8001n : BigInt(STACK);
    core.setGpr(SP, sp);
    for (let i = 0; i < 3; i++) expect(run(m, 0n)).toEqual({ vector, error: 0, rip: 1n, cx: 0n, sp });
    limits(m, L.SEG_DS, 0xffff);
    limits(m, L.SEG_SS, 0xffff);
    core.setGpr(BX, 0x2000n);
    // HLT behind it, which is past RET's target too
    new Uint8Array(m.ram.buffer).fill(0xf4, CODE + 1 + hex.split(' ').length, CODE + 0x100);
    core.blocks.reset();
    expect(run(m, 0n).vector).toBe(-1);
  });
});
