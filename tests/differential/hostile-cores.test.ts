import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { createBoard } from '../../jit/vcpu/board.ts';
import { sharedRam } from '../support/long-mode-core.ts';
import type { HostileCoreTask } from './hostile-cores-worker.ts';

const CORES = 3;
const SECONDS = 10;

it('no code that cores run, lock and overwrite under each other ends or hangs the host', async () => {
  const interpreter = await loadInterpreter();
  const ram = sharedRam();
  const board = createBoard(CORES);
  const seed = Number(process.env['XYLEM_SEED'] ?? Date.now() % 1_000_000);
  const reports = await Promise.all(
    Array.from({ length: CORES }, (_, core) => {
      const task: HostileCoreTask = { ...interpreter, ram, place: { board, core }, seconds: SECONDS, seed };
      const worker = new Worker(new URL('./hostile-cores-worker.ts', import.meta.url), { workerData: task, execArgv: ['--conditions=source'] });
      return new Promise<{ slices: number; executed: number }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', (error) => reject(new Error(`core ${core} with seed ${seed}: ${error.stack}`)));
      });
    }),
  );
  for (const { slices, executed } of reports) {
    expect(slices).toBeGreaterThan(100);
    expect(executed).toBeGreaterThan(100);
  }
});
