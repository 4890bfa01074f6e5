import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeTar } from './tar-writer.ts';

/** What the fake apt answers. */
export interface FakeApt {
  /** Shell commands that `apt-get update` runs. */
  readonly update?: string;
  /** The record that `apt-cache show` prints. */
  readonly show?: string;
  /** Shell commands that `apt-get download` runs before it succeeds. */
  readonly download?: string;
}

export const KERNEL = new Uint8Array(3000).fill(0x4b);
/** A module as far as its facts go. */
export const MODULE = new TextEncoder().encode('\0license=GPL\0alias=fs-ext4\0softdep=pre: crc32c\0depends=jbd2,mbcache\0');
export const BUSYBOX = new Uint8Array(2000).fill(0x42);

/**
 * Puts an apt-get, an apt-cache and a dpkg-deb into a directory for PATH; their "packages" are plain tar archives.
 *
 * apt-get notes every call in the file `calls`.
 */
export function installFakeApt(directory: string, apt: FakeApt = {}): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'kernel.tar'),
    writeTar({
      './boot/System.map': new Uint8Array(9),
      './boot/vmlinuz-6.1.0-9-cloud-amd64': KERNEL,
      './lib/modules/6.1/kernel/fs/ext4/ext4.ko': MODULE,
      './lib/modules/6.1/kernel/fs/jbd2/jbd2.ko': new TextEncoder().encode('\0depends=crc32c_generic\0'),
      './lib/modules/6.1/kernel/fs/fat/fat.ko': new Uint8Array(9),
      './lib/modules/6.1/kernel/crypto/crc32c_generic.ko': new TextEncoder().encode('\0alias=crc32c\0depends=\0'),
    }),
  );
  writeFileSync(join(directory, 'busybox.tar'), writeTar({ './bin/busybox': BUSYBOX }));
  const show = apt.show ?? 'Package: linux-image-cloud-amd64\nDepends: linux-image-6.1.0-9-cloud-amd64 (= 6.1.99-1)\n';
  script(directory, 'apt-cache', `printf '%s' '${show}'`);
  script(directory, 'dpkg-deb', 'exec /bin/cat "$2"');
  script(
    directory,
    'apt-get',
    `
echo "$*" >> '${directory}/calls'
case "$3" in
update)
  echo 'dlstatus:1:50.0000:Retrieving' >&3
  ${apt.update ?? ':'} ;;
download)
  ${apt.download ?? ':'}
  /bin/cp '${directory}/kernel.tar' "$4_6.1.99-1_amd64.deb"
  /bin/cp '${directory}/busybox.tar' "$5_1.35_amd64.deb" ;;
esac`,
  );
}

function script(directory: string, name: string, body: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(directory, name), 0o755);
}
