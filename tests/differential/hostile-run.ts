import { Worker } from 'node:worker_threads';
import type { LoadedInterpreter } from '../../jit/interp/load-interpreter.ts';
import type { HostileReport, HostileTask } from './hostile-worker.ts';

/** Milliseconds without a new case after which the worker counts as hung. */
const HUNG = 15_000;

/** Runs hostile guests on a thread of their own and watches that they come back. Guests have the seeds from `seed` on. */
export async function runHostile(interpreter: LoadedInterpreter, seed: number, seconds: number, most = 5): Promise<HostileReport> {
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const task: HostileTask = { ...interpreter, seed, seconds, most, progress };
  const worker = new Worker(new URL('./hostile-worker.ts', import.meta.url), { workerData: task, execArgv: ['--conditions=source'] });
  let seen = -1;
  let since = performance.now();
  return await new Promise((resolve, reject) => {
    const watch = setInterval(() => {
      const now = Atomics.load(progress, 0);
      if (now !== seen) {
        seen = now;
        since = performance.now();
      } else if (performance.now() - since > HUNG) {
        finish();
        void worker.terminate();
        resolve({ cases: now, slices: 0, instructions: 0, ends: {}, failures: [`seed ${seed + now - 1}: the guest hangs the host`] });
      }
    }, 500);
    const finish = (): void => clearInterval(watch);
    worker.on('message', (report: HostileReport) => {
      finish();
      resolve(report);
    });
    worker.on('error', (error) => {
      finish();
      reject(error);
    });
  });
}
