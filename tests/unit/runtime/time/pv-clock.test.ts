import { describe, expect, it } from 'vitest';
import { Runstate } from '#sdk';
import { GuestRam } from '../../../../runtime/memory/guest-ram.ts';
import { writeTimeInfo, writeWallclock } from '../../../../runtime/time/pv-clock.ts';
import { RunstateClock } from '../../../../runtime/time/runstate.ts';

const ram = (): GuestRam => new GuestRam(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }), 65536);

describe('PV clock', () => {
  it('makes nanoseconds of ticks as guests do', () => {
    const memory = ram();
    writeTimeInfo(memory, 0x100);
    const { view } = memory;
    const ticks = 123_456_789_012_345n;
    const shift = BigInt(view.getInt8(0x100 + 28));
    const multiplier = BigInt(view.getUint32(0x100 + 24, true));
    const delta = ticks - view.getBigUint64(0x108, true);
    expect(view.getBigUint64(0x110, true) + (((delta << shift) * multiplier) >> 32n)).toBe(ticks);
    expect(view.getUint32(0x100, true)).toBe(2);
    writeTimeInfo(memory, 0x100);
    expect(view.getUint32(0x100, true)).toBe(4);
  });

  it('writes the wall clock beyond 2^32 seconds', () => {
    const memory = ram();
    writeWallclock(memory, { address: 0x1000, wcVersion: 0xc00, wcSecHi: 0xc0c }, 0x1_0000_0005n * 1_000_000_000n + 7n);
    const at = (offset: number): number => memory.view.getUint32(0x1c00 + offset, true);
    expect([at(0), at(4), at(8), at(12)]).toEqual([2, 5, 7, 1]);
  });
});

describe('runstate', () => {
  it('counts the time in each state and publishes changes', () => {
    let now = 100;
    const seen: Uint8Array[] = [];
    const clock = new RunstateClock(
      () => now,
      (pointer, bytes) => pointer === 0x1000n && seen.push(bytes.slice()) > 0,
    );
    clock.enter(Runstate.RUNSTATE_running);
    expect(clock.register(0x1000n, true)).toBe(true);
    now = 150;
    clock.enter(Runstate.RUNSTATE_blocked);
    now = 175;
    clock.enter(Runstate.RUNSTATE_running);
    const last = new DataView((seen.at(-1) ?? new Uint8Array(48)).buffer);
    expect([0, 1, 2, 3, 4, 5].map((i) => Number(last.getBigUint64(8 * i, true)))).toEqual([0, 175, 50, 0, 25, 0]);
    now = 200;
    expect([clock.timeIn(Runstate.RUNSTATE_running), clock.timeIn(Runstate.RUNSTATE_blocked)]).toEqual([75, 25]);
  });

  it('marks the area while it is written, when the guest wants that', () => {
    let now = 1;
    const flags: boolean[] = [];
    const clock = new RunstateClock(
      () => now,
      (pointer, bytes) => pointer !== 0n && flags.push((bytes[11] ?? 0) >= 0x80) > 0,
    );
    clock.register(0x1000n, false);
    clock.updateFlag = true;
    now = 2;
    clock.enter(Runstate.RUNSTATE_running);
    expect(flags).toEqual([false, true, false]);
    expect(clock.register(0n, false)).toBe(false);
  });
});
