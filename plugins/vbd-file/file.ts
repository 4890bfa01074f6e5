import { type BigIntStats, closeSync, constants, fstatSync, openSync, realpathSync } from 'node:fs';
import { type BlockDeviceRequest, type BlockStore, type BlockStoreProvider, type DiscardLimits, HypervisorError } from '#sdk';
import { type AllowedUse, ImageUsers } from './image-users.ts';
import type { FileOptions } from './options.ts';
import { readParts, syncData, writeParts } from './positional-io.ts';
import { writeZeroes } from './write-zeroes.ts';

/** What is looked at and zeroed at once. */
const ZERO_GRANULARITY = 4096;

/** Opens images for VBDs; one that is written is nobody else's. */
export function createFileProvider(options: FileOptions): BlockStoreProvider {
  const users = new ImageUsers();
  return { open: (request) => openImage(request, users, options) };
}

/** The store of a VBD in a file, whose bytes are those of the VBD. Where the file has a hole, the VBD has zeroes. */
class FileStore implements BlockStore {
  readonly sizeBytes: number;
  readonly sectorBytes: 512 | 4096;
  readonly physicalSectorBytes = 4096;
  readonly readOnly: boolean;
  readonly discardLimits?: DiscardLimits;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  readonly #fd: number;
  readonly #use: AllowedUse;

  constructor(fd: number, use: AllowedUse, { sizeBytes, request, options }: { sizeBytes: number; request: BlockDeviceRequest; options: FileOptions }) {
    const { readOnly, signal } = request;
    this.#fd = fd;
    this.#use = use;
    this.sizeBytes = sizeBytes;
    this.sectorBytes = options.sectorBytes;
    this.readOnly = readOnly;
    if (options.discard === 'zero' && !readOnly) {
      this.discardLimits = { granularityBytes: ZERO_GRANULARITY };
      this.discard = (offset, length) => writeZeroes(fd, { offset, length, signal });
    }
  }

  read(offset: number, parts: readonly Uint8Array[]): Promise<void> {
    return readParts(this.#fd, offset, parts);
  }

  write(offset: number, parts: readonly Uint8Array[]): Promise<void> {
    return writeParts(this.#fd, offset, parts);
  }

  flush(): Promise<void> {
    return syncData(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
    this.#use.release();
  }
}

function openImage(request: BlockDeviceRequest, users: ImageUsers, options: FileOptions): BlockStore {
  const { params, readOnly, force, domid, device, log } = request;
  if (params === '') throw cannotOpen(request, 'it has no path', 'write file:PATH,xvda,w');
  // Without waiting: the path may be a pipe that nobody reads.
  const fd = attempt(request, () => openSync(params, constants.O_NONBLOCK | (readOnly ? constants.O_RDONLY : constants.O_RDWR)));
  try {
    const stats = attempt(request, () => fstatSync(fd, { bigint: true }));
    const sizeBytes = sizeOf(request, stats, options.sectorBytes);
    const path = attempt(request, () => realpathSync(params));
    const use = users.add(path, stats, { domid, device, readOnly, force, log });
    return new FileStore(fd, use, { sizeBytes, request, options });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function sizeOf(request: BlockDeviceRequest, stats: BigIntStats, sectorBytes: number): number {
  const { params } = request;
  if (stats.isDirectory()) throw cannotOpen(request, 'it is a directory', 'name an image file');
  if (!stats.isFile()) throw cannotOpen(request, 'it is no regular file', 'name an image file');
  const size = Number(stats.size);
  if (size === 0) {
    throw new HypervisorError('HV_ERR_VBD_SIZE', `the image ${params} is empty; expected was a file as large as the VBD is to be`, {
      hint: `make it with: truncate -s 1G ${params}`,
    });
  }
  if (size % sectorBytes !== 0) {
    throw new HypervisorError('HV_ERR_VBD_SIZE', `the image ${params} has ${size} bytes; expected was a multiple of the sector of ${sectorBytes} bytes`, {
      hint: `if it is complete, extend it with: truncate -s %${sectorBytes} ${params}`,
    });
  }
  return size;
}

const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOENT: ['there is no such file', 'make it with: truncate -s 1G PATH'],
  ENOTDIR: ['a part of its path is no directory', 'correct the path'],
  EISDIR: ['it is a directory', 'name an image file'],
  EACCES: ['its permissions do not allow it', 'change them, or write the mode r if the guest need not write'],
  EPERM: ['the host does not allow it', 'change its attributes, or write the mode r if the guest need not write'],
  EROFS: ['its file system is read-only', 'write the mode r, or copy the image'],
  ELOOP: ['its symbolic links go in a circle', 'correct the path'],
  EMFILE: ['this process has too many files open', 'raise the limit: ulimit -n'],
};

function attempt<T>(request: BlockDeviceRequest, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const [reason, hint] = REASONS[code] ?? [message, 'check the path'];
    throw cannotOpen(request, reason, hint, cause);
  }
}

function cannotOpen({ params, readOnly }: BlockDeviceRequest, reason: string, hint: string, cause?: unknown): HypervisorError {
  const purpose = readOnly ? 'for reading' : 'for writing';
  return new HypervisorError('HV_ERR_VBD_OPEN', `the image "${params}" cannot be opened ${purpose}: ${reason}`, {
    hint: hint.replace('PATH', params),
    ...(cause === undefined ? {} : { cause }),
  });
}
