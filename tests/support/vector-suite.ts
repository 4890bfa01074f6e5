import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LoadedInterpreter, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { describeVector } from './describe-vector.ts';
import { type Vector, VectorFile, vectorDirectory } from './hardware-vectors.ts';
import { VectorMachine } from './vector-machine.ts';

/** What runs the vectors, and which of them. */
export interface VectorSuite {
  readonly engine: 'interpreter' | 'translator';
  /** Code sizes. */
  readonly modes: readonly (16 | 32 | 64)[];
  /** Every how many vectors one is run. */
  readonly step: number;
}

/** Failures shown in full; the rest are counted by instruction. */
const SHOWN = 5;

/** Runs one vector; a host exception is a difference too. */
function run(machine: VectorMachine, vector: Vector): string[] {
  try {
    return machine.run(vector);
  } catch (error) {
    return [`host exception: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** Runs the vectors of a feature and describes what failed; empty when nothing did. */
function failuresOf(machine: VectorMachine, file: VectorFile, feature: string, step: number): string {
  const shown: string[] = [];
  const counts = new Map<string, number>();
  for (const vector of file.vectors()) {
    if (vector.feature !== feature || vector.index % step !== 0) continue;
    const difference = run(machine, vector);
    if (difference.length === 0) continue;
    counts.set(vector.name, (counts.get(vector.name) ?? 0) + 1);
    if (shown.length < SHOWN) shown.push(describeVector(vector, file.mode, file.codeAddress, difference));
  }
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  return total === 0 ? '' : [`${total} vectors failed: ${[...counts].map(([name, n]) => `${name} ${n}`).join(', ')}`, ...shown].join('\n');
}

/** Declares one test per code size and feature of the recorded vectors, or a single skipped one where there are none. */
export function vectorSuite({ engine, modes, step }: VectorSuite): void {
  const directory = vectorDirectory();
  if (directory === null) {
    it(`recorded hardware vectors agree with the ${engine}`, ({ skip }) => {
      skip('no recorded vectors: set XYLEM_VECTORS to the directory that holds hw16.bin, hw32.bin and hw64.bin');
    });
    return;
  }
  let interpreter: LoadedInterpreter;
  beforeAll(async () => {
    interpreter = await loadInterpreter();
  });
  for (const mode of modes) {
    const file = new VectorFile(join(directory, `hw${mode}.bin`));
    const features = [...new Set([...file.vectors()].map((vector) => vector.feature))].sort();
    describe(`recorded hardware vectors in the ${engine}, ${mode}-bit code`, () => {
      it.each(features)('%s', (feature) => {
        const machine = new VectorMachine(interpreter.module, interpreter.index, file, engine);
        const failures = failuresOf(machine, file, feature, step);
        expect(failures === '', failures).toBe(true);
      });
    });
  }
}
