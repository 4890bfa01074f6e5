import { guestCommandLine, runGuestProcess } from './guest-run.ts';
import type { Architecture, Job } from './job.ts';
import type { Peer } from './peer.ts';
import { firstLineOf } from './program.ts';

const PROGRAMS: Readonly<Record<Architecture, string>> = {
  i386: 'qemu-system-i386',
  amd64: 'qemu-system-x86_64',
};

/** QEMU's arguments for a job: TCG, no devices but the serial port on standard input and output. */
export function qemuArguments(job: Job): string[] {
  const common = [
    '-accel',
    'tcg',
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-serial',
    'stdio',
    '-no-reboot',
    '-device',
    'isa-debug-exit,iobase=0xf4,iosize=4',
  ];
  if (job.kind === 'guest') return [...common, '-m', '128', '-kernel', job.image, '-append', guestCommandLine(job)];
  return [...common, '-m', String(job.memoryMib), '-kernel', job.kernel, '-initrd', job.ramdisk, '-append', job.commandLine];
}

/** QEMU with its own translator (TCG), both programs of Debian's package qemu-system-x86. */
export const qemu: Peer = {
  name: 'qemu',
  async available() {
    for (const program of Object.values(PROGRAMS)) {
      if ((await firstLineOf(program, ['--version'])) === null) return `${program} is not installed`;
    }
    return null;
  },
  async version() {
    const line = await firstLineOf(PROGRAMS.amd64, ['--version']);
    return `QEMU ${/version (\S+)/.exec(line ?? '')?.[1] ?? 'of unknown version'}, TCG`;
  },
  refuses: () => null,
  run: (job) => runGuestProcess(job, { command: PROGRAMS[job.architecture], arguments: qemuArguments(job) }),
};
