import { linuxDialogue } from '../peers/guest-run.ts';
import type { LinuxJob, LinuxStep } from '../peers/job.ts';
import { firstLineOf } from '../peers/program.ts';
import { parseCases, timeOfLine } from '../measure/parse-cases.ts';
import { runProcess } from '../measure/run-process.ts';
import type { PeerGuest } from './peer-guest.ts';

const PROGRAM = 'qemu-system-x86_64';
const SILENCE_MS = 120_000;

/** What QEMU's guest took. */
export interface QemuRun {
  readonly bootMs: number;
  /** Of each step by its name. */
  readonly ms: Readonly<Record<string, number>>;
  /** CPU time of all its threads, from its start to its end. */
  readonly cpuMs: number;
}

/** Whether QEMU is there. */
export const hasQemu = async (): Promise<boolean> => (await firstLineOf(PROGRAM, ['--version'])) !== null;

/** Boots the same guest in QEMU, with its own translator and the devices asked for, and types commands. */
export async function runQemu({ kernel, ramdisk, readyLine }: PeerGuest, devices: readonly string[], steps: readonly LinuxStep[]): Promise<QemuRun> {
  const job: LinuxJob = {
    kind: 'linux',
    architecture: 'amd64',
    kernel,
    ramdisk,
    commandLine: 'console=ttyS0 quiet mitigations=off',
    memoryMib: 256,
    readyLine,
    steps,
    silenceMs: SILENCE_MS,
  };
  const common = ['-accel', 'tcg', '-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot', '-m', '256'];
  const last = steps.at(-1)?.name;
  const { lines, failure, cpuSeconds } = await runProcess({
    command: PROGRAM,
    arguments: [...common, '-kernel', kernel, '-initrd', ramdisk, '-append', job.commandLine, ...devices],
    silenceMs: SILENCE_MS,
    graceMs: 0,
    isLast: (line) => (last === undefined ? line.startsWith(readyLine) : line.startsWith(`END ${last} `)),
    isFailure: (line) => line.includes('Kernel panic'),
    dialogue: linuxDialogue(job),
  });
  const { finished } = parseCases(lines);
  if (failure !== null) throw new Error(`QEMU: ${failure}`);
  return {
    bootMs: timeOfLine(lines, readyLine) ?? Number.NaN,
    ms: Object.fromEntries(finished.map(({ name, ms }) => [name, ms])),
    cpuMs: (cpuSeconds ?? Number.NaN) * 1000,
  };
}
