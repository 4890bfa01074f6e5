import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runXm } from '../support/xm.ts';

const FOLDER = join(import.meta.dirname, 'processor');
const text = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

/** What the guest `processor/exceptions.asm` says, checked line by line against Intel's manual. */
const EXPECTED = text('exceptions.txt');

const LOCK = 'it ignores LOCK where only #UD is defined (SDM vol 2, LOCK)';

/** Lines that QEMU 7.2 answers otherwise, beside RF in the image of faults and between iterations, and why. */
const QEMU_DIFFERS: Readonly<Record<string, string>> = {
  'step over STI': 'it holds off traps as well as interrupts after STI; the manual says interrupts only (SDM vol 2, STI)',
  INT1: 'it has no INT1: #UD',
  'execute, on REP MOVSB': 'it forgets RF between the iterations (SDM vol 3, 17.3.1.1)',
  'execute, with a step': 'it reports the trap of one instruction and the breakpoint of the next at once; traps come first (SDM vol 3, 6.9)',
  'two breakpoints at once': 'it reports one of two that hit (SDM vol 3, 17.2.3)',
  'general detect': 'it has no DR7.GD (SDM vol 3, 17.2.4)',
  'LOCK MOV': LOCK,
  'LOCK BT': LOCK,
  'LOCK TEST': LOCK,
  'LOCK MUL': LOCK,
  'LOCK XCHG registers': LOCK,
  'LOCK SHL': LOCK,
  'LOCK MOVSB': LOCK,
  'LOCK SGDT': LOCK,
  'LOCK PUSH': LOCK,
  'LOCK FADD': LOCK,
};

/** Lines without RF. */
const lines = (of: string): string[] => of.split('\n').map((line) => line.replace(/R(?=[-T])/g, '-'));

describe('debug exceptions, LOCK, prefixes and NMIs of a bare machine', () => {
  it.each(['interpreter', 'auto', 'translator'])('are as the manual says on engine %s', async (engine) => {
    const words = ['run', '--kernel', join(FOLDER, 'exceptions.bin'), '--memory', '32', '--engine', engine, '--timeout', '60'];
    const { exitCode, stdout, stderr } = await runXm(words);
    expect(stdout.replaceAll('\r', '')).toBe(EXPECTED);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it('are as recorded from QEMU but for what QEMU leaves out', () => {
    const recorded = lines(text('exceptions.qemu.txt'));
    const different = lines(EXPECTED).filter((line, i) => line !== recorded[i]);
    expect(different.map((line) => line.slice(0, line.indexOf(':')))).toEqual(Object.keys(QEMU_DIFFERS));
  });
});
