import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { createAptWorkspace } from '../../runtime/image/apt-workspace.ts';
import { updateIndexes } from '../../runtime/image/debian-packages.ts';
import { type CpioEntry, defaultCacheDirectory } from '../../runtime/image/index.ts';

/** Debian packages unpacked below a directory, or why they are not there. */
export type UnpackedPackages = { readonly directory: string } | { readonly missing: string };

/** Fetches packages of Debian amd64 and unpacks them, once; where there is no apt or no network, tests that need them are left out. */
export async function debianPackages(name: string, packages: readonly string[]): Promise<UnpackedPackages> {
  const directory = join(defaultCacheDirectory(), `tests-${name}`);
  if (existsSync(directory)) return { directory };
  try {
    await mkdir(defaultCacheDirectory(), { recursive: true });
    const partial = await mkdtemp(join(defaultCacheDirectory(), '.partial-'));
    try {
      const apt = await createAptWorkspace(partial, 'amd64');
      await updateIndexes(apt, {});
      const { exitCode, complaints } = await apt.run({ tool: 'apt-get', args: ['download', ...packages] });
      if (exitCode !== 0) return { missing: complaints[0] ?? `apt-get ended with status ${exitCode}` };
      const root = join(partial, 'root');
      for (const file of await readdir(apt.packages)) execFileSync('dpkg-deb', ['-x', join(apt.packages, file), root]);
      await rename(root, directory);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
    return { directory };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

/** What stress-ng needs, and what that needs. */
const STRESS_NG = [
  ...['stress-ng', 'libc6', 'libapparmor1', 'libbsd0', 'libmd0', 'libcrypt1', 'libegl1', 'libglvnd0', 'libgbm1', 'libdrm2', 'libwayland-server0', 'libffi8'],
  ...['libexpat1', 'libgles2', 'libipsec-mb1', 'libjpeg62-turbo', 'libjudydebian1', 'libkmod2', 'liblzma5', 'libzstd1', 'libssl3', 'libsctp1', 'libxxhash0'],
  'zlib1g',
];
const LIBRARY =
  /^(ld-linux-x86-64|lib(EGL|GLESv2|GLdispatch|IPSec_MB|Judy|apparmor|bsd|c|crypt|crypto|drm|expat|ffi|gbm|jpeg|kmod|lzma|m|md|pthread|sctp|wayland-server|xxhash|z|zstd))\.so\.\d+$/;

/** stress-ng with its libraries, to go into an initramfs. */
export async function stressNg(): Promise<readonly CpioEntry[] | { readonly missing: string }> {
  const unpacked = await debianPackages('stress-ng', STRESS_NG);
  if ('missing' in unpacked) return unpacked;
  const { directory } = unpacked;
  const entries: CpioEntry[] = [
    { kind: 'directory', path: 'lib', mode: 0o755 },
    { kind: 'directory', path: 'lib64', mode: 0o755 },
    { kind: 'symlink', path: 'lib64/ld-linux-x86-64.so.2', target: '/lib/ld-linux-x86-64.so.2' },
    { kind: 'file', path: 'usr/bin/stress-ng', mode: 0o755, data: await readFile(join(directory, 'usr/bin/stress-ng')) },
  ];
  for (const folder of ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']) {
    for (const file of await readdir(join(directory, folder))) {
      if (LIBRARY.test(file)) entries.push({ kind: 'file', path: `lib/${file}`, mode: 0o755, data: await readFile(join(directory, folder, file)) });
    }
  }
  return entries;
}
