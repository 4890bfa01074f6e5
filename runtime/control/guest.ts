import { basename } from 'node:path';
import { HypervisorError } from '#sdk';
import { readFallbackGuest } from '../image/index.ts';
import { fetchDebian } from './debian.ts';
import { readInputFile } from './read-input-file.ts';
import { describeError, say } from './report-error.ts';
import type { MachineKind } from '../pcpu/index.ts';
import type { RunOptions } from './run-options.ts';

/** What is loaded into a machine. */
export interface Guest {
  readonly kernel: Uint8Array;
  readonly kernelName: string;
  readonly ramdisk?: Uint8Array;
  readonly firmware?: Uint8Array;
  readonly commandLine: string;
  /** The only machine that it runs on, or the one that is usual for it. */
  readonly machine?: MachineKind;
  /** Devices that it has when the operator names none of the kind. */
  readonly disk?: readonly string[];
  readonly vif?: readonly string[];
  /** In the place of its disks, when others use them. */
  readonly spareDisk?: readonly string[];
}

/** The guests that need no files of the operator's. */
export const readyGuests = ['debian-amd64', 'debian-i386', 'small'] as const;

/** One of {@link readyGuests}. */
export type ReadyGuest = (typeof readyGuests)[number];

/**
 * None of the work that would only slow a guest down that has no other tenants beside it; and a kernel that lies where it lay
 * before, so that the regions of the last run fit.
 */
const LINUX_COMMAND_LINE = 'quiet mitigations=off nokaslr';
const CONSOLES: Readonly<Record<MachineKind, string>> = { pc: 'ttyS0', pvh: 'hvc0' };
const ROM_UNIT = 0x10000;
const ROM_MOST = 0x40000;

/** Failures for which the small guest is started in the place of Linux. */
const NO_LINUX = new Set(['HV_ERR_IMAGE_APT_MISSING', 'HV_ERR_IMAGE_NETWORK', 'HV_ERR_IMAGE_DOWNLOAD', 'HV_ERR_IMAGE_UNAVAILABLE']);

/** Gets the guest that the options of `xm run` name. */
export async function guestOf(options: RunOptions): Promise<Guest> {
  refuseCombinations(options);
  const { kernel, firmware, ramdisk, extra } = options;
  if (firmware !== undefined) return { kernel: new Uint8Array(), kernelName: basename(firmware), firmware: await readRom(firmware), commandLine: '' };
  if (kernel === undefined) return readyGuest('debian-amd64', options);
  return {
    kernel: await readInputFile(kernel, 'kernel'),
    kernelName: kernel,
    ...(ramdisk === undefined ? {} : { ramdisk: await readInputFile(ramdisk, 'ramdisk') }),
    commandLine: extra ?? '',
  };
}

/** Gets one of our guests; where there is no Debian to be had, the small one. */
export async function readyGuest(name: ReadyGuest, { extra = '', machine = 'pvh' }: Pick<RunOptions, 'extra' | 'machine'>): Promise<Guest> {
  if (name === 'small') return smallGuest(extra);
  try {
    const { kernel, ramdisk } = await fetchDebian(name === 'debian-i386' ? 'i386' : 'amd64');
    return { kernel, kernelName: 'vmlinuz', ramdisk, commandLine: `console=${CONSOLES[machine]} ${LINUX_COMMAND_LINE} ${extra}`.trim(), machine };
  } catch (error) {
    if (!(error instanceof HypervisorError) || !NO_LINUX.has(error.code)) throw error;
    say(`no Linux here, a small guest starts in its place: ${describeError(error)}`);
    return smallGuest(extra);
  }
}

async function smallGuest(extra: string): Promise<Guest> {
  return { kernel: await readFallbackGuest(), kernelName: 'small-guest', commandLine: extra, machine: 'pc' };
}

function refuseCombinations({ kernel, firmware, ramdisk, extra }: RunOptions): void {
  const refuse = (what: string, hint: string): never => {
    throw new HypervisorError('HV_ERR_CLI_OPTION', what, { hint });
  };
  if (firmware !== undefined && kernel !== undefined) refuse('--firmware and --kernel are both given', 'a firmware starts in place of a kernel: leave one out');
  if (ramdisk !== undefined && kernel === undefined) refuse('--ramdisk is given without --kernel', 'name the kernel that it belongs to');
  if (firmware !== undefined && extra !== undefined) refuse('--extra is given with --firmware', 'a firmware has no command line: leave it out');
}

async function readRom(path: string): Promise<Uint8Array> {
  const bytes = await readInputFile(path, 'firmware');
  if (bytes.length % ROM_UNIT === 0 && bytes.length <= ROM_MOST) return bytes;
  throw new HypervisorError('HV_ERR_FIRMWARE_SIZE', `${path} is no firmware: it has ${bytes.length} bytes`, {
    hint: 'expected was a ROM image of 64, 128, 192 or 256 KiB',
  });
}
