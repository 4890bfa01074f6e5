import { readGuestFile } from '../hypervisor/read-guest-file.ts';

/**
 * Reads a file that an option names.
 *
 * @param what - the option without its dashes: `kernel`
 * @throws HypervisorError `HV_ERR_FILE_READ`
 */
export function readInputFile(path: string, what: string): Promise<Uint8Array> {
  return readGuestFile(path, what, `name a readable file with --${what}`);
}
