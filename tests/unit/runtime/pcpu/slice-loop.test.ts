import { describe, expect, it } from 'vitest';
import type { SliceEnd } from '../../../../runtime/machine/pc-machine.ts';
import { Doorbell } from '../../../../runtime/pcpu/doorbell.ts';
import { runSlices, type SliceMachine } from '../../../../runtime/pcpu/slice-loop.ts';

const observer = { slice: () => {}, waited: () => {} };

/** A machine whose slices end as a list says; it takes `nsPerSlice` of its own time for each. */
function machineOf(ends: readonly SliceEnd[], changes: Partial<SliceMachine> = {}): SliceMachine & { readonly budgets: number[] } {
  const budgets: number[] = [];
  let executed = 0;
  let skipped = 0;
  return {
    budgets,
    slice: (instructions) => {
      executed += instructions;
      return ends[budgets.push(instructions) - 1] ?? 'power-off';
    },
    executed: () => executed,
    exchange: () => {},
    wakes: () => false,
    interruptible: () => true,
    nextDeadline: () => null,
    clock: {
      real: false,
      now: () => skipped,
      skipTo: (ns) => {
        skipped = ns;
      },
    },
    ...changes,
  };
}

describe('runSlices', () => {
  it('runs until the guest ends', () => {
    const machine = machineOf(['budget', 'budget', 'reset']);
    expect(runSlices(machine, new Doorbell(Doorbell.allocate()), observer)).toBe('reset');
    expect(machine.budgets).toHaveLength(3);
  });

  it('gives slices that are all alike with the instruction clock', () => {
    const machine = machineOf(['budget', 'budget', 'budget', 'power-off']);
    runSlices(machine, new Doorbell(Doorbell.allocate()), observer);
    expect(new Set(machine.budgets).size).toBe(1);
  });

  it('stops when it is asked to', () => {
    const doorbell = new Doorbell(Doorbell.allocate());
    const machine = machineOf([], {
      slice: () => {
        doorbell.requestStop();
        return 'budget';
      },
    });
    expect(runSlices(machine, doorbell, observer)).toBe('stopped');
  });

  it('skips idle time when the clock counts instructions', () => {
    const machine = machineOf(['halt', 'power-off'], { nextDeadline: () => 5000 });
    expect(runSlices(machine, new Doorbell(Doorbell.allocate()), observer)).toBe('power-off');
    expect(machine.clock.now()).toBe(5000);
  });

  it('gives up on a vCPU that halted with interrupts off', () => {
    expect(runSlices(machineOf(['halt'], { interruptible: () => false }), new Doorbell(Doorbell.allocate()), observer)).toBe('dead-halt');
  });

  it('waits with the clock of the host until the next timer', () => {
    const start = performance.now();
    let waited = 0;
    const clock = { real: true, now: () => (performance.now() - start) * 1e6, skipTo: () => {} };
    const machine = machineOf(['halt', 'power-off'], { clock, nextDeadline: () => 20e6 });
    runSlices(machine, new Doorbell(Doorbell.allocate()), {
      ...observer,
      waited: (ms) => {
        waited += ms;
      },
    });
    expect(performance.now() - start).toBeGreaterThanOrEqual(19);
    expect(waited).toBeGreaterThan(5);
  });

  it('does not wait when the bell rang after it looked for input', () => {
    const doorbell = new Doorbell(Doorbell.allocate());
    let exchanges = 0;
    const machine = machineOf(['halt', 'power-off'], {
      clock: { real: true, now: () => 0, skipTo: () => {} },
      exchange: () => {
        exchanges += 1;
        if (exchanges === 2) doorbell.ring();
      },
    });
    expect(runSlices(machine, doorbell, observer)).toBe('power-off');
  });

  it('takes shorter slices before a timer', () => {
    const clock = { real: true, now: () => 0, skipTo: () => {} };
    const far = machineOf(['power-off'], { clock, nextDeadline: () => 1e9 });
    const near = machineOf(['power-off'], { clock, nextDeadline: () => 0.2e6 });
    runSlices(far, new Doorbell(Doorbell.allocate()), observer);
    runSlices(near, new Doorbell(Doorbell.allocate()), observer);
    expect(near.budgets[0]).toBeLessThan((far.budgets[0] ?? 0) / 4);
  });
});
