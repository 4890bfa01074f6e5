import { describe, expect, it, vi } from 'vitest';
import { type BusDevice, HypervisorError, integerOption, type Platform, type Plugin } from '#sdk';
import { createBus } from '../../../../runtime/platform/bus.ts';
import { TimerQueue } from '../../../../runtime/platform/timer-queue.ts';
import { applyOnMain, applyOnPcpu, PluginIsolation } from '../../../../runtime/plugin/index.ts';

const sink = { write: () => {} };

function platform(): Platform & { readonly ports: ReturnType<typeof createBus>; readonly timers: TimerQueue } {
  const clock = { now: () => 0 };
  return {
    ports: createBus('ports'),
    mmio: createBus('mmio'),
    clock,
    timers: new TimerQueue(clock),
    outputs: { stdout: sink, stderr: sink, openFile: () => sink },
    interruptLine: () => ({ set: () => {} }),
    exit: () => {},
  };
}

function mapping(name: string, device: BusDevice): { plugin: Plugin; options: object } {
  const applyPcpu: Plugin['applyPcpu'] = ({ hooks }) => hooks.platformCreated.tap(name, ({ ports }) => ports.map(0x80, 1, device));
  return { plugin: { name, apiVersion: 1, options: {}, applyPcpu }, options: {} };
}

describe('plugins', () => {
  it('see their options', () => {
    const apply = vi.fn();
    const plugin: Plugin = { name: 'p', apiVersion: 1, options: { n: integerOption({ summary: '', default: 1, min: 0, max: 9 }) } as never, apply };
    applyOnMain([{ plugin, options: { n: 3 } }], new PluginIsolation(vi.fn()));
    expect(apply).toHaveBeenCalledWith(expect.anything(), { n: 3 });
  });

  it('can tap hooks, and cannot fire them', () => {
    const apply = vi.fn(({ hooks }) => {
      expect(hooks.booted.tap).toBeTypeOf('function');
      expect(hooks.booted.promise).toBeUndefined();
      expect(hooks.booted.call).toBeUndefined();
    });
    applyOnMain([{ plugin: { name: 'p', apiVersion: 1, options: {}, apply }, options: {} }], new PluginIsolation(vi.fn()));
    expect(apply).toHaveBeenCalledOnce();
  });

  it('that throw in a hook are reported once with their name and the hook, and skipped after', async () => {
    const report = vi.fn();
    const second = vi.fn();
    const plugin: Plugin = {
      name: 'bad',
      apiVersion: 1,
      options: {},
      apply({ hooks }) {
        hooks.booted.tapPromise('another name', async () => {
          throw new Error('late');
        });
        hooks.shutdown.tap('another name', second);
      },
    };
    const isolation = new PluginIsolation(report);
    const hooks = applyOnMain([{ plugin, options: {} }], isolation);
    await hooks.booted.promise();
    await hooks.shutdown.promise({ reason: 'power-off', exitCode: 0 });
    expect(report.mock.calls.map(([error]) => error.message)).toEqual(['the plugin bad failed in booted and is disabled: late']);
    expect(second).not.toHaveBeenCalled();
    expect(isolation.anyFailed).toBe(true);
  });

  it('do not disturb others', () => {
    const read = vi.fn(() => 5);
    const bad: Plugin = {
      name: 'bad',
      apiVersion: 1,
      options: {},
      applyPcpu({ hooks }) {
        hooks.platformCreated.tap('bad', () => {
          throw new Error('no');
        });
      },
    };
    const hooks = applyOnPcpu([{ plugin: bad, options: {} }, mapping('good', { read, write: () => {} })], new PluginIsolation(vi.fn()));
    const board = platform();
    hooks.platformCreated.call(board);
    expect(board.ports.read(0x80, 1)).toBe(5);
  });

  it('whose device throws are disabled; the guest reads ones', () => {
    const report = vi.fn();
    const read = vi.fn(() => {
      throw new Error('broken');
    });
    const hooks = applyOnPcpu([mapping('dev', { read, write: () => {} })], new PluginIsolation(report));
    const board = platform();
    hooks.platformCreated.call(board);
    expect([board.ports.read(0x80, 1), board.ports.read(0x80, 1)]).toEqual([0xff, 0xff]);
    expect(read).toHaveBeenCalledOnce();
    expect(report.mock.calls.map(([error]) => error.message)).toEqual(['the plugin dev failed in a read of port 0x80 and is disabled: broken']);
  });

  it('whose timer throws are disabled', () => {
    const report = vi.fn();
    const plugin: Plugin = {
      name: 'timer',
      apiVersion: 1,
      options: {},
      applyPcpu({ hooks }) {
        hooks.platformCreated.tap('timer', ({ timers }) =>
          timers
            .create(() => {
              throw new Error('tick');
            })
            .arm(0),
        );
      },
    };
    const board = platform();
    applyOnPcpu([{ plugin, options: {} }], new PluginIsolation(report)).platformCreated.call(board);
    board.timers.runDue(1);
    expect(report).toHaveBeenCalledOnce();
  });

  it("pass on the operator's errors with their name", () => {
    const plugin: Plugin = {
      name: 'file',
      apiVersion: 1,
      options: {},
      applyPcpu({ hooks }) {
        hooks.platformCreated.tap('file', () => {
          throw new HypervisorError('HV_ERR_FILE_WRITE', 'cannot write x', { hint: 'name another' });
        });
      },
    };
    const hooks = applyOnPcpu([{ plugin, options: {} }], new PluginIsolation(vi.fn()));
    expect(() => hooks.platformCreated.call(platform())).toThrow('plugin file: cannot write x');
  });

  it('that throw while they are applied end the start', () => {
    const plugin: Plugin = {
      name: 'p',
      apiVersion: 1,
      options: {},
      apply() {
        throw new Error('at once');
      },
    };
    expect(() => applyOnMain([{ plugin, options: {} }], new PluginIsolation(vi.fn()))).toThrow('the plugin p failed while it was applied: at once');
  });
});
