import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type LoadedInterpreter, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { fuzz, Fuzzer } from './fuzzer.ts';

// usage: fuzz.ts [--seed N] [--seconds S] [--most FAILURES], or fuzz.ts --only PROGRAM-SEED
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    most: { type: 'string', default: '5' },
  },
});
const base = process.env['XYLEM_INTERP'];
const interpreter: LoadedInterpreter = base
  ? { module: new WebAssembly.Module(readFileSync(`${base}.wasm`)), index: JSON.parse(readFileSync(`${base}.json`, 'utf8')) }
  : await loadInterpreter();
if (values.only !== undefined) {
  const found = new Fuzzer(interpreter).runSeed(Number(values.only));
  console.log(found?.report ?? 'no disagreement');
  process.exit(found === null ? 0 : 1);
}
const start = performance.now();
const result = fuzz(interpreter, Number(values.seed), Number(values.seconds), Number(values.most), ({ seed, report }) =>
  console.log(`seed ${seed}\n${report}\n`),
);
const seconds = (performance.now() - start) / 1000;
console.log(
  `${result.programs} programs (${(result.programs / seconds).toFixed(1)} a second), ${result.instructions} instructions, ${result.evaluated} evaluated, ${result.endless} endless, ${result.disagreements.length} disagreements`,
);
if (result.disagreements.length > 0) process.exitCode = 1;
