import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { guestCommandLine, runGuestProcess } from './guest-run.ts';
import type { Architecture } from './job.ts';
import type { Peer } from './peer.ts';
import { firstLineOf } from './program.ts';

const BUILD_SCRIPT = join(import.meta.dirname, '../guests/build.sh');
const OUTPUT = join(import.meta.dirname, '../../build/benchmarks/native');
const BARE_METAL_ONLY = new Set(['trap', 'cr3', 'port-io']);

let isBuilt = false;

/** The program for an architecture; the build may have made only one of the two. */
function programFor(architecture: Architecture): string {
  return join(OUTPUT, `bench-native-${architecture}`);
}

async function build(): Promise<void> {
  if (isBuilt) return;
  mkdirSync(OUTPUT, { recursive: true });
  await firstLineOf('sh', [BUILD_SCRIPT, 'native', OUTPUT]);
  isBuilt = true;
}

/** The same C as a Linux program on the host's own processor, built here when there is a compiler. */
export const native: Peer = {
  name: 'native',
  async available() {
    if (process.platform !== 'linux' || process.arch !== 'x64') return 'the host is not Linux on x86-64';
    if ((await firstLineOf('gcc', ['--version'])) === null) return 'gcc is not installed';
    await build();
    return existsSync(programFor('amd64')) ? null : 'the cases did not compile';
  },
  async version() {
    return `the host itself, ${await firstLineOf('gcc', ['--version'])} -O2`;
  },
  refuses(job) {
    if (job.kind === 'linux') return 'boots nothing';
    if (!existsSync(programFor(job.architecture))) return `gcc has no support for ${job.architecture}`;
    return job.cases.some((name) => BARE_METAL_ONLY.has(name)) ? 'needs a bare machine' : null;
  },
  run(job) {
    const words = job.kind === 'guest' ? guestCommandLine(job).split(' ') : [];
    return runGuestProcess(job, { command: programFor(job.architecture), arguments: words });
  },
};
