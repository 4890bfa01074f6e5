import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { VectorFile, vectorDirectory } from './hardware-vectors.ts';
import { VectorMachine } from './vector-machine.ts';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';

// usage: run-vectors.ts MODE [name or feature regex] [most failures shown] [--translator] [--every N]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { translator: { type: 'boolean', default: false }, every: { type: 'string', default: '1' } },
});
const [mode, pattern = '.', most = '10'] = positionals;
const { module, index } = process.env['XYLEM_INTERP']
  ? {
      module: new WebAssembly.Module(readFileSync(`${process.env['XYLEM_INTERP']}.wasm`)),
      index: JSON.parse(readFileSync(`${process.env['XYLEM_INTERP']}.json`, 'utf8')),
    }
  : await loadInterpreter();
const file = new VectorFile(join(vectorDirectory() as string, `hw${mode}.bin`));
const machine = new VectorMachine(module, index, file, values.translator ? 'translator' : 'interpreter');
const wanted = new RegExp(pattern);
const failures = new Map<string, number>();
let passed = 0;
let failed = 0;
for (const v of file.vectors()) {
  if (v.index % Number(values.every) !== 0) continue;
  if (!wanted.test(v.name) && !wanted.test(`feature:${v.feature}`)) continue;
  let difference: string[];
  try {
    difference = machine.run(v);
  } catch (error) {
    difference = [`host: ${(error as Error).message}`];
  }
  if (difference.length === 0) passed++;
  else {
    failed++;
    failures.set(v.name, (failures.get(v.name) ?? 0) + 1);
    if (failed <= Number(most)) console.log(`#${v.index} ${v.name} ${Buffer.from(v.code).toString('hex')} (flags ${v.flags})\n  ${difference.join('\n  ')}`);
  }
}
console.log(
  [...failures]
    .sort((a, b) => b[1] - a[1])
    .map(([n, c]) => `${n}:${c}`)
    .join(' '),
);
if (machine.engine) console.log(JSON.stringify(machine.engine.translator.stats));
console.log(`${mode}: ${passed} passed, ${failed} failed`);
