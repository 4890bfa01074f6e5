import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { HypervisorError } from '#sdk';
import { findTarMember } from './tar-member.ts';

/**
 * Reads one file out of a Debian package, without unpacking the rest.
 *
 * @param packagePath - path of a `.deb`
 * @param pattern - what the file's path in the package must match
 */
export async function unpackMember(packagePath: string, pattern: RegExp): Promise<Uint8Array> {
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
  const member = await findTarMember(child.stdout, (path) => pattern.test(path));
  child.stdout.destroy();
  child.kill();
  if (member !== undefined) return member.data;
  throw new HypervisorError('HV_ERR_IMAGE_UNPACK', `the package ${basename(packagePath)} does not hold the file expected in it`, {
    hint: 'its layout may have changed; name a kernel and a ramdisk of your own',
  });
}
