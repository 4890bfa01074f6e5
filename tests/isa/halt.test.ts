import { describe, expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { PcMachine } from '../../runtime/machine/pc-machine.ts';
import { CODE, SnippetMachine } from '../support/snippet-machine.ts';
import { type Code, halt, out8, tinyGuest } from '../support/tiny-guest.ts';

const STI: Code = [0xfb];
const HLT: Code = [0xf4];
/** Counter 0 of the 8254 counts down once. */
const startTimer: Code = [...out8(0x43, 0x30), ...out8(0x40, 0xff), ...out8(0x40, 0x10)];

async function machineWith(...code: Code[]): Promise<PcMachine> {
  const { module, index } = await loadInterpreter();
  const kernel = tinyGuest(...code);
  return new PcMachine({ module, index, memoryBytes: 16 << 20, clock: 'instructions', kernel, kernelName: 'halt', commandLine: '', transmit: () => {} });
}

/** SDM vol 2, HLT: enabled interrupts, NMIs, debug exceptions and resets end it, nothing else. */
describe('HLT', () => {
  it('goes on when it is stepped: its trap comes at once', async () => {
    const m = await SnippetMachine.create('protected');
    m.core.stopOnFault = false;
    m.gate(1, CODE + 0x400);
    new Uint8Array(m.ram.buffer).set([0x40, 0xf4], CODE + 0x400); // inc eax; hlt
    expect(m.run('68 02 01 00 00 9d f4 41 f4')).toBe('halt');
    expect([m.register(0, 32), m.register(1, 32), m.core.rip, m.ram.getUint32(0x38000 - 12, true)]).toEqual([1n, 0n, BigInt(CODE + 0x402), CODE + 7]);
  });
  it('is not ended by a timer whose interrupt is masked', async () => {
    const machine = await machineWith(out8(0x21, 0xff), startTimer, STI, HLT, out8(0x80, 1), halt);
    const ends = Array.from({ length: 10 }, () => machine.slice(1000));
    expect(ends.at(-1)).toBe('halt');
    const { rip } = machine.core;
    for (let i = 0; i < 3; i++) {
      machine.clock.skipTo(machine.timers.nextDeadline() ?? machine.clock.now());
      expect(machine.slice(1000)).toBe('halt');
    }
    expect([machine.core.rip, machine.wakes, machine.interruptible]).toEqual([rip, false, true]);
  });
  it('without IF is ended by an NMI only', async () => {
    const machine = await machineWith(HLT, HLT);
    machine.core.stopOnFault = true;
    expect(machine.slice(1000)).toBe('halt');
    expect([machine.wakes, machine.interruptible]).toEqual([false, false]);
    machine.pc.triggerNmi();
    expect([machine.wakes, machine.interruptible, machine.core.view.getUint32(L.NMI_PENDING, true)]).toEqual([true, true, 1]);
    machine.core.view.setUint32(L.NMI_BLOCKED, 1, true);
    expect([machine.wakes, machine.interruptible]).toEqual([false, false]);
    machine.core.view.setUint32(L.NMI_BLOCKED, 0, true);
    expect(() => machine.slice(1000)).toThrow('stopped on a fault'); // there is no IDT: the NMI was on its way
    expect(machine.pc.nmiPending()).toBe(false);
  });
});
