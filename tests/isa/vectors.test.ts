import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LoadedInterpreter, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { describeVector } from '../support/describe-vector.ts';
import { type Vector, VectorFile, vectorDirectory } from '../support/hardware-vectors.ts';
import { VectorMachine } from '../support/vector-machine.ts';

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
function failuresOf({ module, index }: LoadedInterpreter, file: VectorFile, feature: string): string {
  const machine = new VectorMachine(module, index, file);
  const shown: string[] = [];
  const counts = new Map<string, number>();
  for (const vector of file.vectors()) {
    if (vector.feature !== feature) continue;
    const difference = run(machine, vector);
    if (difference.length === 0) continue;
    counts.set(vector.name, (counts.get(vector.name) ?? 0) + 1);
    if (shown.length < SHOWN) shown.push(describeVector(vector, file.mode, file.codeAddress, difference));
  }
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  return total === 0 ? '' : [`${total} vectors failed: ${[...counts].map(([name, n]) => `${name} ${n}`).join(', ')}`, ...shown].join('\n');
}

const directory = vectorDirectory();

if (directory === null) {
  describe('recorded hardware vectors', () => {
    it('agree with the interpreter', ({ skip }) => {
      skip('no recorded vectors: set XYLEM_VECTORS to the directory that holds hw16.bin, hw32.bin and hw64.bin');
    });
  });
} else {
  let interpreter: LoadedInterpreter;
  beforeAll(async () => {
    interpreter = await loadInterpreter();
  });
  for (const mode of [16, 32, 64]) {
    const file = new VectorFile(join(directory, `hw${mode}.bin`));
    const features = [...new Set([...file.vectors()].map((vector) => vector.feature))].sort();
    describe(`recorded hardware vectors, ${mode}-bit code`, () => {
      it.each(features)('%s', (feature) => {
        const failures = failuresOf(interpreter, file, feature);
        expect(failures === '', failures).toBe(true);
      });
    });
  }
}
