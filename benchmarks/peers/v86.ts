import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { guestCommandLine, runGuestProcess } from './guest-run.ts';
import type { Job } from './job.ts';
import type { Peer } from './peer.ts';
import type { V86Request } from './v86-guest.ts';

/** Where Debian and others put SeaBIOS; v86's npm package brings no firmware. */
const FIRMWARE_DIRECTORIES = ['/usr/share/seabios', '/usr/share/qemu', '/usr/share/qemu-kvm'];
const FIRMWARE = { bios: 'bios-256k.bin', vgaBios: 'vgabios-stdvga.bin' };

function firmwareDirectory(): string | undefined {
  return FIRMWARE_DIRECTORIES.find((directory) => Object.values(FIRMWARE).every((file) => existsSync(join(directory, file))));
}

/** The package's directory, or `null` when it is not installed. */
function packageDirectory(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve('v86/package.json'));
  } catch {
    return null;
  }
}

/** What the child process is told: multiboot images boot without firmware, Linux needs SeaBIOS. */
export function v86Request(job: Job, build: string): V86Request {
  const common = { library: join(build, 'libv86.mjs'), wasm: join(build, 'v86.wasm') };
  if (job.kind === 'guest') {
    return { ...common, memoryMib: 128, multiboot: job.image, commandLine: guestCommandLine(job) };
  }
  const directory = firmwareDirectory() ?? '';
  return {
    ...common,
    memoryMib: job.memoryMib,
    kernel: job.kernel,
    ramdisk: job.ramdisk,
    commandLine: job.commandLine,
    bios: join(directory, FIRMWARE.bios),
    vgaBios: join(directory, FIRMWARE.vgaBios),
  };
}

/** v86 from npm on the same Node, in a process of its own. */
export const v86: Peer = {
  name: 'v86',
  async available() {
    return packageDirectory() === null ? 'the npm package v86 is not installed' : null;
  },
  async version() {
    const manifest: unknown = JSON.parse(readFileSync(join(packageDirectory() ?? '', 'package.json'), 'utf8'));
    const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '?';
    return `v86 ${version} on Node ${process.version}`;
  },
  refuses(job) {
    if (job.architecture === 'amd64') return 'has no 64-bit mode';
    return job.kind === 'linux' && firmwareDirectory() === undefined ? 'SeaBIOS is not installed' : null;
  },
  run(job) {
    const request = v86Request(job, join(packageDirectory() ?? '', 'build'));
    return runGuestProcess(job, {
      command: process.execPath,
      arguments: [join(import.meta.dirname, 'v86-guest.ts'), JSON.stringify(request)],
    });
  },
};
