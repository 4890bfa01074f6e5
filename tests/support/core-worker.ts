import { parentPort, workerData } from 'node:worker_threads';
import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import type { CorePlace } from '../../jit/vcpu/vcpu-core.ts';
import { longModeCore, startLongMode } from './long-mode-core.ts';
import { SynchronousTranslator } from './synchronous-translator.ts';

/** What a worker runs: one vCPU on a core of its own, over RAM that it shares with others. */
export interface CoreTask {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly ram: WebAssembly.Memory;
  readonly place: CorePlace;
  readonly rip: number;
  readonly stack: number;
  /** General registers by number. */
  readonly registers: Readonly<Record<number, bigint>>;
  /** Executions after which a block is translated; null: everything is interpreted. */
  readonly hotLimit: number | null;
  /** Word 0 counts the workers that are ready; they begin when it has reached word 1. Word 2: stop. */
  readonly gate: Int32Array;
}

/** How a vCPU ended. */
export interface CoreReport {
  readonly end: string;
  readonly rip: number;
  readonly registers: readonly bigint[];
  readonly executed: number;
  /** Regions that were in use. */
  readonly regions: number;
}

const SLICE = 20_000;
const task = workerData as CoreTask;
const core = longModeCore(task);
startLongMode(core, task.rip, task.stack);
for (const [register, value] of Object.entries(task.registers)) core.setGpr(Number(register), value);
const translator = task.hotLimit === null ? null : new SynchronousTranslator(core, task.index, task.hotLimit);
Atomics.add(task.gate, 0, 1);
while (Atomics.load(task.gate, 0) < (task.gate[1] as number)) Atomics.wait(task.gate, 0, Atomics.load(task.gate, 0), 1);
let end: string = 'budget';
while (end === 'budget' && Atomics.load(task.gate, 2) === 0) {
  translator?.between();
  end = core.run(SLICE);
}
const report: CoreReport = {
  end: end === 'fault' ? `fault ${core.view.getInt32(L.FAULT_VECTOR, true)}` : end,
  rip: Number(core.rip),
  registers: Array.from({ length: 16 }, (_, i) => core.gpr(i)),
  executed: core.executed,
  regions: translator?.translator.stats.installed ?? 0,
};
parentPort?.postMessage(report);
