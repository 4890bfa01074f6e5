import { Worker } from 'node:worker_threads';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { createBoard } from '../../jit/vcpu/board.ts';
import type { CoreReport, CoreTask } from './core-worker.ts';
import { CODE, putHex, sharedRam } from './long-mode-core.ts';

/** A program for several vCPUs that run at once, each on its own thread. */
export interface SharedProgram {
  /** Code at CODE, in hexadecimal. */
  readonly code: string;
  /** Where each vCPU begins, and its registers; RDI is its number when not given. */
  readonly vcpus: readonly { readonly rip?: number; readonly registers?: Readonly<Record<number, bigint>> }[];
  readonly hotLimit: number | null;
  /** Prepares RAM. */
  readonly prepare?: (ram: DataView) => void;
}

const RDI = 7;
const STACKS = 0x38000;
const STACK_BYTES = 0x800;
const LIMIT_MS = 60_000;

/** Runs a program to the end of all its vCPUs. */
export async function runShared({ code, vcpus, hotLimit, prepare }: SharedProgram): Promise<{ ram: DataView; reports: CoreReport[] }> {
  const interpreter = await loadInterpreter();
  const ram = sharedRam();
  putHex(ram, CODE, code);
  const view = new DataView(ram.buffer);
  prepare?.(view);
  const gate = new Int32Array(new SharedArrayBuffer(12));
  gate[1] = vcpus.length;
  const timer = setTimeout(() => Atomics.store(gate, 2, 1), LIMIT_MS);
  const board = createBoard(vcpus.length);
  const running = vcpus.map(({ rip = CODE, registers = {} }, i) => {
    const task: CoreTask = {
      ...interpreter,
      ram,
      place: { board, core: i },
      rip,
      stack: STACKS - i * STACK_BYTES,
      registers: { [RDI]: BigInt(i), ...registers },
      hotLimit,
      gate,
    };
    const worker = new Worker(new URL('./core-worker.ts', import.meta.url), { workerData: task, execArgv: ['--conditions=source'] });
    return new Promise<CoreReport>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('a worker ended without a report')));
    });
  });
  const reports = await Promise.all(running);
  clearTimeout(timer);
  return { ram: view, reports };
}
