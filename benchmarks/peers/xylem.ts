import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { guestCommandLine, runGuestProcess } from './guest-run.ts';
import type { Job } from './job.ts';
import type { Peer, RunRecord } from './peer.ts';

const ROOT = join(import.meta.dirname, '../..');
const CONTROL = 'runtime/control/xm.ts';

/** Arguments of `xm` for a job: the one place that knows its command line. `isWarm`: with what earlier runs found. */
export function xylemArguments(job: Job, isWarm = false): string[] {
  const common = ['run', '--engine', 'auto', ...(isWarm ? [] : ['--no-code-cache'])];
  if (job.kind === 'guest') {
    return [...common, '--kernel', job.image, '--memory', '128', '--extra', guestCommandLine(job)];
  }
  return [...common, '--kernel', job.kernel, '--ramdisk', job.ramdisk, '--memory', String(job.memoryMib), '--extra', job.commandLine];
}

/** This hypervisor, from its sources, in a process of its own. */
export const xylem: Peer = {
  name: 'xylem',
  async available() {
    return existsSync(join(ROOT, CONTROL)) ? null : `${CONTROL} is missing`;
  },
  async version() {
    return `this tree on Node ${process.version}`;
  },
  refuses: () => null,
  run: (job) => runXylem(job, false),
};

function runXylem(job: Job, isWarm: boolean): Promise<RunRecord> {
  return runGuestProcess(job, {
    command: process.execPath,
    arguments: ['--no-wasm-inlining', '--conditions=source', CONTROL, ...xylemArguments(job, isWarm)],
    cwd: ROOT,
    // the cache is written at the end
    ...(isWarm ? { env: { XDG_CACHE_HOME: WARM_CACHE }, asksToEnd: true } : {}),
  });
}

/** Runs until a guest's code cache holds what it will hold. */
const WARMING_RUNS = 2;
/** A cache of our own: what the operator ran before makes no difference. */
const WARM_CACHE = join(ROOT, 'build/benchmarks/cache');
const warmed = new Set<string>();

/** The same with a code cache that earlier runs of the guest have filled: Linux only, whose boot is what the cache is for. */
export const warmXylem: Peer = {
  ...xylem,
  name: 'warm',
  async version() {
    return 'xylem once more, with a code cache that earlier runs have filled';
  },
  refuses: (job) => (job.kind === 'linux' ? null : 'only Linux is run with a warm cache'),
  async run(job) {
    for (let i = 0; i < WARMING_RUNS && !warmed.has(job.architecture); i++) await runXylem(job, true);
    warmed.add(job.architecture);
    return runXylem(job, true);
  },
};
