import { parentPort, workerData } from 'node:worker_threads';
import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import { HostileMachine } from './hostile-machine.ts';
import { disagreement } from './hostile-compare.ts';

/** What the watching thread gives. */
export interface HostileTask {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly seed: number;
  readonly seconds: number;
  readonly most: number;
  /** The number of the case that runs now, for the watcher. */
  readonly progress: Int32Array;
}

/** What the worker sends when it is done. */
export interface HostileReport {
  readonly cases: number;
  readonly slices: number;
  readonly instructions: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

/** Cases after which the machines are made anew. */
const LIFE = 300;
const KINDS: readonly (number | null)[] = [null, 0, 3];

const { module, index, seed, seconds, most, progress } = workerData as HostileTask;
const until = performance.now() + seconds * 1000;
const failures: string[] = [];
const ends: Record<string, number> = {};
let instructions = 0;
let slices = 0;
let cases = 0;
let machines: HostileMachine[] = [];
const retire = (): void => {
  for (const machine of machines) {
    instructions += machine.instructions;
    slices += machine.slices;
    for (const [end, n] of Object.entries(machine.ends)) ends[end] = (ends[end] ?? 0) + n;
  }
  machines = [];
};
for (; performance.now() < until && failures.length < most; cases++) {
  if (cases % LIFE === 0) {
    retire();
    machines = KINDS.map((hotLimit) => new HostileMachine({ module, index }, hotLimit));
  }
  Atomics.store(progress, 0, cases + 1);
  const kind = cases % KINDS.length;
  const wrong = (machines[kind] as HostileMachine).run(seed + cases);
  if (kind > 0) wrong.push(...disagreement(machines[0] as HostileMachine, machines[kind] as HostileMachine, seed + cases, kind === 2));
  if (wrong.length > 0)
    failures.push(`seed ${seed + cases} (${KINDS[kind] === null ? 'interpreter' : `translator, hot at ${KINDS[kind]}`})\n  ${wrong.join('\n  ')}`);
}
retire();
const report: HostileReport = { cases, slices, instructions, ends, failures };
parentPort?.postMessage(report);
