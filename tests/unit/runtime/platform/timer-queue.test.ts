import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nsAtTicks, ticksAt } from '../../../../runtime/platform/time-scale.ts';
import { TimerQueue } from '../../../../runtime/platform/timer-queue.ts';

describe('TimerQueue', () => {
  it('fires in order of time, and of arming within a moment', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.constantFrom('arm', 'cancel', 're-arm'), fc.nat(20))), (plan) => {
        const queue = new TimerQueue({ now: () => 0 });
        const fired: number[] = [];
        const expected: { at: number; order: number; id: number }[] = [];
        let order = 0;
        plan.forEach(([at, what, later], id) => {
          const timer = queue.create(() => fired.push(id));
          timer.arm(at);
          order += 1;
          if (what === 'cancel') timer.cancel();
          if (what === 're-arm') timer.arm(later);
          if (what !== 'cancel') expected.push({ at: what === 'arm' ? at : later, order: what === 'arm' ? order : order++, id });
        });
        expected.sort((a, b) => a.at - b.at || a.id - b.id);
        expect(queue.nextDeadline()).toBe(expected[0]?.at ?? null);
        queue.runDue(10);
        expect(fired).toEqual(expected.filter((entry) => entry.at <= 10).map((entry) => entry.id));
        queue.runDue(20);
        expect(fired).toEqual(expected.map((entry) => entry.id));
        expect(queue.nextDeadline()).toBeNull();
      }),
    );
  });

  it('lets timers cancel and arm each other while they fire', () => {
    const queue = new TimerQueue({ now: () => 100 });
    const fired: string[] = [];
    const victim = queue.create(() => fired.push('victim'));
    const again = queue.create(() => fired.push('again'));
    const first = queue.create(() => {
      fired.push('first');
      victim.cancel();
      again.arm(7);
    });
    victim.arm(6);
    first.arm(5);
    victim.cancel();
    victim.arm(6);
    queue.runDue();
    expect(fired).toEqual(['first', 'again']);
  });
});

describe('time scale', () => {
  it('finds the first nanosecond of a tick, at any rate and time', () => {
    fc.assert(
      fc.property(fc.constantFrom(32_768, 1_193_182, 3_579_545, 1_000_000_000, 2_893_300_000), fc.integer({ min: 0, max: 10 ** 15 }), (hz, from) => {
        const tick = ticksAt(from, hz) + 1;
        const ns = nsAtTicks(tick, hz);
        expect(ticksAt(ns, hz)).toBeGreaterThanOrEqual(tick);
        expect(ticksAt(ns - 1, hz)).toBeLessThan(tick);
        expect(ns).toBeGreaterThan(from);
      }),
    );
  });

  it('is exact at whole seconds', () => {
    expect(ticksAt(7_000_000_000, 1_193_182)).toBe(7 * 1_193_182);
    expect(ticksAt(9e15, 3_579_545)).toBe(9e6 * 3_579_545);
    expect(nsAtTicks(3_000_000_000, 3e9)).toBe(1e9);
  });

  it('ends for deadlines beyond what numbers hold', () => {
    expect(nsAtTicks(2 ** 64, 1e9)).toBeGreaterThan(2 ** 53);
  });
});
