import { rmSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { HypervisorError } from '#sdk';
import { createAptWorkspace } from './apt-workspace.ts';
import { downloadPackages, type GuestPackages, resolveKernelPackage, updateIndexes } from './debian-packages.ts';
import { defaultCacheDirectory } from './cache-directory.ts';
import { createPartialDirectory, publishCacheEntry, readCacheEntry } from './guest-cache.ts';
import { isGuestModule, packGuestModules } from './guest-modules.ts';
import { missingMember, unpackMember, unpackMembers } from './unpack-member.ts';

/** Which Debian guest: 64-bit with the cloud kernel, or 32-bit with the PAE kernel. */
export type GuestFlavour = 'amd64' | 'i386';

/** How far a fetch has come. */
export interface GuestProgress {
  readonly phase: 'index' | 'download' | 'unpack' | 'done';
  /** Of this phase, from 0 to 1. */
  readonly fraction: number;
  /** Something the operator should know, such as an index that could not be read. */
  readonly warning?: string;
}

/** What to fetch, and where to keep it. */
export interface DebianGuestRequest {
  readonly flavour: GuestFlavour;
  /** Default: {@link defaultCacheDirectory}. */
  readonly cacheDirectory?: string;
  readonly onProgress?: (progress: GuestProgress) => void;
  /** Fetch even though the cache has the guest; the old files stay if that fails. */
  readonly refresh?: boolean;
  readonly signal?: AbortSignal;
}

/** A guest in the cache. */
export interface DebianGuest {
  /** Path of the kernel, a bzImage. */
  readonly kernel: string;
  /** Path of a statically linked busybox, for `buildInitramfs`. */
  readonly busybox: string;
  /** Path of a cpio archive with the kernel's drivers for a Xen domain, for `buildInitramfs`. */
  readonly modules: string;
  /** The files the packages came from, by package name. */
  readonly packages: Readonly<Record<string, string>>;
  /** What was not as it should be when the files were fetched. */
  readonly warnings: readonly string[];
}

const KERNEL_PACKAGES: Readonly<Record<GuestFlavour, string>> = {
  amd64: 'linux-image-cloud-amd64',
  i386: 'linux-image-686-pae',
};
const FILES = ['vmlinuz', 'busybox', 'modules.cpio'] as const;
const KERNEL_FILE = /^(usr\/lib\/modules\/[^/]+|boot)\/vmlinuz[^/]*$/;
/** Indexes, apt's cache of them, the packages and what is unpacked of them. */
const NEEDED_BYTES = 200 * 1024 * 1024;

/**
 * Gets a Debian kernel and busybox, from the cache or with the host's apt.
 *
 * Needs no privilege and leaves the host's apt and dpkg as they are. Packages are checked by apt's signatures, cached
 * files by their SHA-256; files appear in the cache complete or not at all.
 */
export async function fetchDebianGuest(request: DebianGuestRequest): Promise<DebianGuest> {
  const cache = request.cacheDirectory ?? defaultCacheDirectory();
  const entry = join(cache, `debian-${request.flavour}`);
  const cached = request.refresh === true ? undefined : await guestIn(entry);
  if (cached === undefined) await fill(cache, entry, request);
  const guest = cached ?? (await guestIn(entry));
  if (guest === undefined) {
    throw new HypervisorError('HV_ERR_IMAGE_CACHE', `${entry} was damaged as soon as it was written`, {
      hint: 'look for a failing or full disk',
    });
  }
  request.onProgress?.({ phase: 'done', fraction: 1 });
  return guest;
}

async function guestIn(entry: string): Promise<DebianGuest | undefined> {
  const manifest = await readCacheEntry(entry, FILES);
  if (manifest === undefined) return undefined;
  const { packages, warnings } = manifest;
  return { kernel: join(entry, 'vmlinuz'), busybox: join(entry, 'busybox'), modules: join(entry, 'modules.cpio'), packages, warnings };
}

async function fill(cache: string, entry: string, request: DebianGuestRequest): Promise<void> {
  const partial = await createPartialDirectory(cache);
  // Also for a process that exits in the middle, at Control-C say.
  const removeAtExit = (): void => rmSync(partial, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  try {
    await requireSpace(cache);
    const { packages, warnings } = await fetchPackages(partial, request);
    request.onProgress?.({ phase: 'unpack', fraction: 0 });
    const members = await unpackMembers(packages.kernel, (path) => KERNEL_FILE.test(path) || isGuestModule(path));
    const vmlinuz = members.find(({ path }) => KERNEL_FILE.test(path))?.data;
    if (vmlinuz === undefined) throw missingMember(packages.kernel);
    const modules = packGuestModules(members.filter(({ path }) => isGuestModule(path)));
    request.onProgress?.({ phase: 'unpack', fraction: 0.8 });
    const busybox = await unpackMember(packages.busybox, /^(usr\/)?bin\/busybox$/);
    request.signal?.throwIfAborted();
    const content = { files: { vmlinuz, busybox, 'modules.cpio': modules }, packages: packages.fileNames, warnings };
    // Another process may have been faster: its files are as good as ours.
    await publishCacheEntry(partial, entry, content, async () => request.refresh !== true && (await guestIn(entry)) !== undefined);
  } catch (error) {
    throw spaceError(error, cache);
  } finally {
    process.off('exit', removeAtExit);
    await rm(partial, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function fetchPackages(partial: string, request: DebianGuestRequest): Promise<{ packages: GuestPackages; warnings: string[] }> {
  const { flavour, onProgress, signal } = request;
  const apt = await createAptWorkspace(join(partial, 'apt'), flavour);
  const stop = signal === undefined ? {} : { signal };
  onProgress?.({ phase: 'index', fraction: 0 });
  const failures = await updateIndexes(apt, {
    ...stop,
    onFraction: (fraction) => onProgress?.({ phase: 'index', fraction }),
  });
  const kernelPackage = await resolveKernelPackage(apt, KERNEL_PACKAGES[flavour], failures);
  const warnings = failures
    .slice(0, 1)
    .map((failure) => `not every package index of this host could be read, so ${kernelPackage} may not be the newest kernel (${failure})`);
  onProgress?.({
    phase: 'download',
    fraction: 0,
    ...(warnings[0] === undefined ? {} : { warning: warnings[0] }),
  });
  const packages = await downloadPackages(apt, kernelPackage, {
    ...stop,
    onFraction: (fraction) => onProgress?.({ phase: 'download', fraction }),
  });
  return { packages, warnings };
}

async function requireSpace(cache: string): Promise<void> {
  const { bavail, bsize } = await statfs(cache);
  if (bavail * bsize < NEEDED_BYTES) throw noSpace(cache);
}

function spaceError(error: unknown, cache: string): unknown {
  const isFull = error instanceof Error && (('code' in error && error.code === 'ENOSPC') || /No space left on device/.test(error.message));
  return isFull ? noSpace(cache, error) : error;
}

function noSpace(cache: string, cause?: unknown): HypervisorError {
  return new HypervisorError('HV_ERR_IMAGE_NO_SPACE', `there is not enough free space in ${cache}`, {
    hint: `free ${NEEDED_BYTES / 1024 / 1024} MiB, or set XDG_CACHE_HOME to a directory with more room`,
    ...(cause === undefined ? {} : { cause }),
  });
}
