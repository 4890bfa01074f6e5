import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { DomainLock } from '../../../../runtime/memory/domain-lock.ts';

const ROUNDS = 20_000;

describe('the lock of a domain', () => {
  it('lets one thread in at a time, and all of them in the end', async () => {
    const memory = new SharedArrayBuffer(16);
    const start = (): Worker =>
      new Worker(new URL('./lock-worker.ts', import.meta.url), { workerData: { memory, rounds: ROUNDS }, execArgv: ['--conditions=source'] });
    const workers = [start(), start(), start()];
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(new Int32Array(memory).slice(0, 2)).toEqual(Int32Array.of(0, 3 * ROUNDS));
  });

  it('is free again after a section that threw', () => {
    const lock = new DomainLock(new Int32Array(new SharedArrayBuffer(4)), 0);
    const fail = (): never => {
      throw new Error('no');
    };
    expect(() => lock.with(fail)).toThrow('no');
    expect(lock.with(() => 5)).toBe(5);
  });
});
