import { parentPort, workerData } from 'node:worker_threads';
import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import type { CorePlace } from '../../jit/vcpu/vcpu-core.ts';
import { CODE, longModeCore, startLongMode, writeTables } from '../support/long-mode-core.ts';
import { SynchronousTranslator } from '../support/synchronous-translator.ts';
import { Random } from './random.ts';

/** What a thread does: one core of several over the same RAM, at random places of random code. */
export interface HostileCoreTask {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly ram: WebAssembly.Memory;
  readonly place: CorePlace;
  readonly seconds: number;
  readonly seed: number;
}

const CODE_BYTES = 0x8000;
const RENEWED_AFTER = 200;
/** Bytes of code that reaches memory, locks, loops and calls. */
const LIKELY = [0xf0, 0x0f, 0xc1, 0x87, 0x89, 0x8b, 0x01, 0x48, 0xeb, 0x74, 0x75, 0xe8, 0xc3, 0xff, 0x83, 0xb1, 0xc7, 0xaa, 0xa4, 0xf3, 0x50, 0x58, 0x90, 0x31];

const { seconds, seed, ...parts } = workerData as HostileCoreTask;
const { place, index, ram } = parts;
const core = longModeCore(parts);
const isFirst = place.core === 0;
const translator = isFirst ? null : new SynchronousTranslator(core, index, 3);
const random = new Random(seed + place.core * 777);
const bytes = new Uint8Array(ram.buffer, CODE, CODE_BYTES);
const likely = (): number => LIKELY[random.below(LIKELY.length)] as number;
const until = performance.now() + seconds * 1000;
let slices = 0;
while (performance.now() < until) {
  if (slices % RENEWED_AFTER === 0) {
    // stores have ruined the tables and most of the code by now
    if (isFirst) {
      writeTables(ram);
      for (let i = 0; i < CODE_BYTES; i++) bytes[i] = random.below(3) > 0 ? likely() : random.below(256);
      core.wrote(CODE, CODE_BYTES);
    }
    core.exports.flushTlb(1);
  }
  startLongMode(core, CODE + random.below(CODE_BYTES - 0x1000), 0x1f000 - place.core * 0x400);
  core.view.setInt32(L.FAULT, 0, true);
  core.view.setUint32(L.EFLAGS, 2, true);
  for (let r = 0; r < 16; r++) if (r !== 4) core.setGpr(r, BigInt(random.below(4) > 0 ? CODE + random.below(CODE_BYTES) : random.below(2 ** 31)));
  core.run(3000);
  translator?.between();
  slices++;
  if (random.below(20) !== 0) continue;
  const at = random.below(CODE_BYTES);
  bytes[at] = likely();
  core.wrote(CODE + at, 1);
}
parentPort?.postMessage({ slices, executed: core.executed });
