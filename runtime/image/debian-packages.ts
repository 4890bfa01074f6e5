import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HypervisorError } from '#sdk';
import type { AptRun, AptWorkspace } from './apt-workspace.ts';

/** The packages a guest is made of. */
export interface GuestPackages {
  /** Path of the kernel's `.deb`. */
  readonly kernel: string;
  /** Path of busybox's `.deb`. */
  readonly busybox: string;
  /** Their file names, which tell versions, by package name. */
  readonly fileNames: Readonly<Record<string, string>>;
}

/** How a step tells its progress, and how it is stopped. */
export type StepOptions = Pick<AptRun, 'onFraction' | 'signal'>;

const BUSYBOX = 'busybox-static';
const OWN_FILES_HINT = 'name a kernel and a ramdisk of your own, or start the small guest that comes with Xylem';

/**
 * Reads the indexes of the host's package sources.
 *
 * apt drops an index that it can't fetch or whose signature or checksum is wrong, and goes on with the others; whether
 * what is left suffices shows when a package is looked up.
 *
 * @returns what apt said about indexes that it dropped
 */
export async function updateIndexes(apt: AptWorkspace, options: StepOptions): Promise<string[]> {
  const { exitCode, complaints } = await apt.run({ tool: 'apt-get', args: ['update'], ...options });
  const failures = complaints.filter((line) => /^(Failed to fetch|GPG error|The repository|An error occurred)/.test(line));
  // A full disk is nothing to go on with.
  const full = complaints.find((line) => /No space left on device/.test(line));
  if (full !== undefined) throw aptFailure(full);
  return failures.length === 0 && exitCode !== 0 ? complaints.slice(0, 1) : failures;
}

/**
 * Finds the newest kernel package that a metapackage stands for.
 *
 * @param failures - what {@link updateIndexes} returned; tells why a package may be missing
 */
export async function resolveKernelPackage(apt: AptWorkspace, metapackage: string, failures: readonly string[]): Promise<string> {
  const { stdout } = await apt.run({
    tool: 'apt-cache',
    args: ['show', '--no-all-versions', metapackage],
  });
  const depends = /^Depends:(.*)$/m.exec(stdout)?.[1] ?? '';
  const kernelPackage = /\blinux-image-\d[^\s,|(]*/.exec(depends)?.[0];
  if (kernelPackage !== undefined) return kernelPackage;
  const [failure] = failures;
  if (failure !== undefined) throw aptFailure(failure);
  throw new HypervisorError('HV_ERR_IMAGE_UNAVAILABLE', `the package sources of this host do not offer ${metapackage}`, {
    hint: `add Debian's main archive to apt's sources, or ${OWN_FILES_HINT}`,
  });
}

/** Downloads the packages of a guest; apt checks them against its signed indexes. */
export async function downloadPackages(apt: AptWorkspace, kernelPackage: string, options: StepOptions): Promise<GuestPackages> {
  const { exitCode, complaints } = await apt.run({
    tool: 'apt-get',
    args: ['download', kernelPackage, BUSYBOX],
    ...options,
  });
  if (exitCode !== 0) throw aptFailure(complaints[0] ?? `apt-get ended with status ${exitCode}`);
  const names = await readdir(apt.packages);
  const fileNames = Object.fromEntries([kernelPackage, BUSYBOX].map((name) => [name, packageFile(names, name)]));
  const path = (name: string): string => join(apt.packages, fileNames[name] ?? '');
  return { kernel: path(kernelPackage), busybox: path(BUSYBOX), fileNames };
}

function packageFile(names: readonly string[], packageName: string): string {
  const found = names.find((name) => name.startsWith(`${packageName}_`) && name.endsWith('.deb'));
  if (found === undefined) throw aptFailure(`apt-get left no file of ${packageName}`);
  return found;
}

function aptFailure(reason: string): HypervisorError {
  const isNetwork = /resolv|connect|timed out|timeout|unreachable|Failed to fetch/i.test(reason);
  const isSignature = /GPG error|not signed|unexpected size|Hash Sum mismatch/i.test(reason);
  const hint = isSignature
    ? `the mirror and its signatures disagree: try again later, or ${OWN_FILES_HINT}`
    : `look at the network and at apt's sources, or ${OWN_FILES_HINT}`;
  const code = isNetwork && !isSignature ? 'HV_ERR_IMAGE_NETWORK' : 'HV_ERR_IMAGE_DOWNLOAD';
  return new HypervisorError(code, `apt could not fetch the guest's packages: ${reason}`, { hint });
}
