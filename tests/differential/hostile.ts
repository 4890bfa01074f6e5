import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type LoadedInterpreter, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { HostileMachine } from './hostile-machine.ts';
import { disagreement } from './hostile-compare.ts';
import { runHostile } from './hostile-run.ts';

// usage: hostile.ts [--seed N] [--seconds S] [--most FAILURES], or hostile.ts --only SEED [--hot LIMIT]
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '600' },
    most: { type: 'string', default: '5' },
    only: { type: 'string' },
    hot: { type: 'string' },
  },
});
const base = process.env['XYLEM_INTERP'];
const interpreter: LoadedInterpreter = base
  ? { module: new WebAssembly.Module(readFileSync(`${base}.wasm`)), index: JSON.parse(readFileSync(`${base}.json`, 'utf8')) }
  : await loadInterpreter();
if (values.only !== undefined) {
  const make = (hot: string | undefined): HostileMachine => new HostileMachine(interpreter, hot === undefined ? null : Number(hot));
  const wrong = [
    ...make(values.hot).run(Number(values.only)),
    ...disagreement(make(undefined), make(values.hot ?? '0'), Number(values.only), values.hot !== undefined && values.hot !== '0'),
  ];
  console.log(wrong.length === 0 ? 'nothing went wrong' : wrong.join('\n'));
  process.exit(wrong.length === 0 ? 0 : 1);
}
const report = await runHostile(interpreter, Number(values.seed) * 10_000_000, Number(values.seconds), Number(values.most));
for (const failure of report.failures) console.log(failure);
console.log(
  Object.entries(report.ends)
    .sort()
    .map(([end, n]) => `${end} ${n}`)
    .join(', '),
);
console.log(`${report.cases} guests, ${report.slices} slices, ${report.instructions} instructions, ${report.failures.length} failures`);
if (report.failures.length > 0) process.exitCode = 1;
