import { readFile, stat } from 'node:fs/promises';
import { HypervisorError } from '#sdk';
import type { DomainImage } from '../domain/build-domain.ts';
import type { CheckedConfig } from './check-config.ts';

/** What a guest's memory could not take anyway. */
const MOST_BYTES = 2 ** 32;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead nowhere',
};

/** Reads what a domain is built from. */
export async function readImage({ kernel, ramdisk, extra }: CheckedConfig): Promise<DomainImage> {
  return {
    kernel: await readGuestFile(kernel, 'kernel'),
    kernelName: typeof kernel === 'string' ? kernel : 'kernel',
    ...(ramdisk === undefined ? {} : { ramdisk: await readGuestFile(ramdisk, 'ramdisk') }),
    commandLine: extra,
  };
}

/**
 * Reads a file that the operator named, unless its bytes are there already.
 *
 * @param what - what it is to be: `kernel`
 * @throws HypervisorError `HV_ERR_FILE_READ`
 */
export async function readGuestFile(file: string | Uint8Array, what: string, hint = `name a readable file as ${what}`): Promise<Uint8Array> {
  if (typeof file !== 'string') return file;
  const failure = (reason: string, cause?: unknown): HypervisorError =>
    new HypervisorError('HV_ERR_FILE_READ', `cannot read the ${what} ${file}: ${reason}`, { hint, cause });
  try {
    const facts = await stat(file);
    if (facts.isCharacterDevice() || facts.isBlockDevice()) throw failure('it is a device');
    const { size } = facts;
    if (size > MOST_BYTES) throw failure(`it has ${size} bytes, more than a guest's memory`);
    const bytes = await readFile(file);
    if (bytes.length === 0) throw failure('it is empty');
    return bytes;
  } catch (cause) {
    if (cause instanceof HypervisorError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    throw failure(REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause)), cause);
  }
}
