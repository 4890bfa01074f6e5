import { beforeAll, describe, expect, it } from 'vitest';
import { CodeCache, type CompiledBatch, type RegionRequest, Translator, type VcpuCore } from '#jit';
import { type LoadedInterpreter, loadInterpreter } from '../../../../jit/interp/load-interpreter.ts';
import { translateBatch } from '../../../../jit/region/translate.ts';
import { CODE, longModeCore, putHex, sharedRam } from '../../../support/long-mode-core.ts';

/** `mov ecx, 200000; again: add eax, ecx; dec ecx; jnz again; hlt` */
const LOOP = 'b9400d0300 01c8 ffc9 75fa f4';
const HOT = 100;

let interpreter: LoadedInterpreter;
beforeAll(async () => {
  interpreter = await loadInterpreter();
});

const compile = (requests: readonly RegionRequest[]): CompiledBatch => {
  const { wasm, ...rest } = translateBatch(requests, interpreter.index.functions);
  return { module: new WebAssembly.Module(wasm as BufferSource), ...rest };
};

/** A vCPU about to run a loop, and what its translator asks for. */
function machine(kept: readonly RegionRequest[], code = LOOP): { core: VcpuCore; translator: Translator; cache: CodeCache; asked: RegionRequest[] } {
  const ram = sharedRam();
  putHex(ram, CODE, code);
  const core = longModeCore({ ...interpreter, ram });
  const cache = new CodeCache(kept);
  const asked: RegionRequest[] = [];
  return { core, cache, asked, translator: new Translator(core, interpreter.index, HOT, (requests) => asked.push(...requests), cache) };
}

/** Runs a few thousand rounds of the loop, slice by slice. */
function runHot({ core, translator }: ReturnType<typeof machine>): void {
  for (let slice = 0; slice < 10; slice++) {
    core.run(3000);
    if (translator.collect() > 0) translator.flush();
  }
}

/** What a first run keeps for the next. */
function firstRun(): RegionRequest[] {
  const first = machine([]);
  runHot(first);
  first.translator.install(compile(first.asked));
  return first.cache.contents();
}

describe('a hot block that an earlier run has translated', () => {
  it('waits for its region while that is being compiled', () => {
    const kept = firstRun();
    expect(kept).not.toEqual([]);
    const second = machine(kept);
    runHot(second);
    expect(second.asked).toEqual([]);
    second.translator.install({ ...compile(kept.map((request, id) => ({ ...request, id }))), known: true });
    runHot(second);
    expect(second.translator.stats).toMatchObject({ requested: 0, revived: 1 });
  });

  it('is translated anew when its region failed to compile', () => {
    const kept = firstRun();
    const second = machine(kept);
    runHot(second);
    second.translator.install({ ...compile([]), known: true, failed: kept.map((_, id) => ({ id, reason: 'a reason' })) });
    runHot(second);
    expect(second.translator.stats).toMatchObject({ requested: 1, revived: 0 });
  });

  it('is translated anew when other code is there now', () => {
    const second = machine(firstRun(), LOOP.replace('01c8', '29c8'));
    runHot(second);
    expect(second.translator.stats).toMatchObject({ requested: 1, revived: 0 });
  });
});
