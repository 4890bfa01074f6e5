import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Hypercall } from '#sdk';
import { pvhGuest, set, store, vmcall } from '../support/pvh-guest.ts';
import { halt } from '../support/tiny-guest.ts';
import { runXm, Scratch, type XmResult } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const IMAGES = join(import.meta.dirname, '../../benchmarks/guests/images');
/** With a loop each, calls, indirect jumps, and code that overwrites itself. */
const CASES = 'sha256,qsort,bytecode,fib,smc,sse-scalar';

interface Stats {
  readonly translator: { readonly requested: number; readonly installed: number; readonly revived: number };
}

/** Runs a benchmark image with a cache directory. */
async function run(architecture: string, cache: string, words: readonly string[] = [], cases = CASES): Promise<XmResult & { stats: Stats }> {
  const stats = join(scratch.path, 'stats.json');
  const image = ['--kernel', join(IMAGES, `bench-${architecture}.elf`), '--memory', '128', '--extra', `run=${cases} reps=1`, '--expect', '^DONE'];
  const result = await runXm(['run', ...image, '--timeout', '120', '--stats', stats, ...words], { env: { XDG_CACHE_HOME: cache } });
  return { ...result, stats: JSON.parse(readFileSync(stats, 'utf8')) };
}

const filesOf = (cache: string): string[] => readdirSync(join(cache, 'xylem')).filter((name) => name !== 'modules');

describe.each(['i386', 'amd64'])('a second run of the same %s kernel', (architecture) => {
  it('begins with the regions of the first, and comes to the same results', async () => {
    const cache = join(scratch.path, `cache-${architecture}`);
    const first = await run(architecture, cache);
    const second = await run(architecture, cache);
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    expect(second.stdout).toBe(first.stdout);
    expect(first.stats.translator.revived).toBe(0);
    expect(second.stats.translator.revived).toBeGreaterThan(5);
    expect(second.stats.translator.requested).toBeLessThan(first.stats.translator.requested);
  });

  it('takes no notice of a damaged file, and replaces it', async () => {
    const cache = join(scratch.path, `cache-${architecture}`);
    const [name] = readdirSync(join(cache, 'xylem/code')) as [string];
    const file = join(cache, 'xylem/code', name);
    writeFileSync(file, 'no regions');
    const { exitCode, stderr, stats } = await run(architecture, cache);
    expect({ exitCode, stderr, revived: stats.translator.revived }).toEqual({ exitCode: 0, stderr: '', revived: 0 });
    expect(readFileSync(file).length).toBeGreaterThan(1000);
  });
});

/** Counts down in a loop for long enough that this gets translated on a busy host too, and ends the domain. */
function counting(): Uint8Array {
  const [at, shutdown] = [0x150000, 2];
  const downToZero = [0x83, 0xe9, 1, 0x75, 0xfb];
  return pvhGuest([...set('ecx', 1_200_000_000), ...downToZero, ...set('eax', 0), ...store(at), ...vmcall(Hypercall.sched_op, shutdown, at), ...halt]);
}

describe('a second run of a PVH domain', () => {
  const [cache, stats] = [join(scratch.path, 'cache-pvh'), join(scratch.path, 'stats-pvh.json')];
  const kernel = join(scratch.path, 'counting');

  async function domain(...words: readonly string[]): Promise<[number | null, Stats['translator']]> {
    const { exitCode, stderr } = await runXm(['run', ...words, '--timeout', '60', '--stats', stats], { env: { XDG_CACHE_HOME: cache } });
    expect(stderr).toBe('');
    return [exitCode, (JSON.parse(readFileSync(stats, 'utf8')) as Stats).translator];
  }

  it('begins with the regions of the first, also when a file describes it', async () => {
    writeFileSync(kernel, counting());
    const words = ['--machine', 'pvh', '--memory', '16', '--kernel', kernel];
    expect(await domain(...words)).toMatchObject([0, { requested: 1, installed: 1, revived: 0 }]);
    expect(await domain(...words)).toMatchObject([0, { requested: 0, revived: 1 }]);
    const file = join(scratch.path, 'counting.json');
    writeFileSync(file, JSON.stringify({ kernel, memory: 16 }));
    expect(await domain(file)).toMatchObject([0, { requested: 0, revived: 1 }]);
    expect(await domain(...words, '--no-code-cache')).toMatchObject([0, { requested: 1, revived: 0 }]);
  });
});

describe('the code cache', () => {
  it('of another kernel changes nothing that the guest can see', async () => {
    const foreign = join(scratch.path, 'cache-foreign');
    const right = (await run('i386', foreign)).stdout;
    const folder = join(foreign, 'xylem/code');
    const [name] = readdirSync(folder) as [string];
    const other = join(scratch.path, 'cache-amd64/xylem/code');
    copyFileSync(join(other, readdirSync(other)[0] as string), join(folder, name));
    const { exitCode, stdout, stderr } = await run('i386', foreign);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: right, stderr: '' });
  });

  it('is left alone with --no-code-cache, with another engine, and when time is counted in instructions', async () => {
    const cache = join(scratch.path, 'cache-none');
    mkdirSync(cache);
    for (const words of [['--no-code-cache'], ['--engine', 'interpreter'], ['--clock', 'instructions']]) {
      const { exitCode } = await run('i386', cache, words, 'smc');
      expect(exitCode).toBe(0);
    }
    expect(filesOf(cache)).toEqual([]);
  });

  it('in a place where nothing can be made costs one line', async () => {
    const { exitCode, stderr } = await run('i386', '/proc/none', [], 'smc');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^xm: what was translated is not kept for the next run: .*\n$/);
  });

  it('that cannot be written costs one line', async () => {
    const cache = join(scratch.path, 'cache-blocked');
    mkdirSync(join(cache, 'xylem'), { recursive: true });
    writeFileSync(join(cache, 'xylem/code'), '');
    chmodSync(join(cache, 'xylem/code'), 0o444);
    const { exitCode, stderr } = await run('i386', cache);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^xm: what was translated is not kept for the next run: .*\n$/);
  });
});
