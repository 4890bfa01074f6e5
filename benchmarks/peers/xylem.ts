import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { guestCommandLine, runGuestProcess } from './guest-run.ts';
import type { Job } from './job.ts';
import type { Peer } from './peer.ts';

const ROOT = join(import.meta.dirname, '../..');
const CONTROL = 'runtime/control/xm.ts';

/** Arguments of `xm` for a job: the one place that knows its command line. */
export function xylemArguments(job: Job): string[] {
  const common = ['run', '--engine', 'auto'];
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
  run: (job) =>
    runGuestProcess(job, {
      command: process.execPath,
      arguments: ['--no-wasm-inlining', '--conditions=source', CONTROL, ...xylemArguments(job)],
      cwd: ROOT,
    }),
};
