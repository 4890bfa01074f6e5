import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { HypervisorError } from '#sdk';
import { type TarMember, tarMembers } from './tar-member.ts';

/**
 * Reads the first file out of a Debian package that matches, without unpacking the rest.
 *
 * @param packagePath - path of a `.deb`
 * @param pattern - what the file's path in the package must match
 */
export async function unpackMember(packagePath: string, pattern: RegExp): Promise<Uint8Array> {
  const [member] = await unpackMembers(packagePath, (path) => pattern.test(path), 1);
  if (member !== undefined) return member.data;
  throw missingMember(packagePath);
}

/** The error about a package without a file that is expected in it. */
export function missingMember(packagePath: string): HypervisorError {
  return new HypervisorError('HV_ERR_IMAGE_UNPACK', `the package ${basename(packagePath)} does not hold the file expected in it`, {
    hint: 'its layout may have changed; name a kernel and a ramdisk of your own',
  });
}

/** Reads files out of a Debian package: the first `limit` whose paths a test accepts. */
export async function unpackMembers(packagePath: string, accept: (path: string) => boolean, limit = Number.POSITIVE_INFINITY): Promise<TarMember[]> {
  const child = spawn('dpkg-deb', ['--fsys-tarfile', packagePath], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const started = new Promise<void>((resolve, reject) => {
    child.on('error', (cause) =>
      reject(
        new HypervisorError('HV_ERR_IMAGE_APT_MISSING', 'dpkg-deb cannot be run on this host', {
          hint: "a Debian guest is unpacked with Debian's own tools; elsewhere, name a kernel and a ramdisk of your own",
          cause,
        }),
      ),
    );
    child.on('spawn', resolve);
  });
  await started;
  const members: TarMember[] = [];
  for await (const member of tarMembers(child.stdout, accept)) if (members.push(member) >= limit) break;
  child.stdout.destroy();
  child.kill();
  return members;
}
