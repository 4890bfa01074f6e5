import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchDebianGuest } from '../../runtime/image/debian-guest.ts';
import { buildInitramfs, GUEST_READY_LINE } from '../../runtime/image/initramfs.ts';
import type { Architecture } from '../peers/job.ts';

const OUTPUT = join(import.meta.dirname, '../../build/benchmarks');

/** A kernel and an initramfs, ready to boot. */
export interface LinuxGuest {
  readonly architecture: Architecture;
  readonly kernel: string;
  readonly ramdisk: string;
  readonly readyLine: string;
}

/** Gets Debian's kernel and busybox (from the cache after the first time) and packs the initramfs. */
export async function prepareLinuxGuest(architecture: Architecture): Promise<LinuxGuest> {
  const { kernel, busybox } = await fetchDebianGuest({ flavour: architecture });
  mkdirSync(OUTPUT, { recursive: true });
  const ramdisk = join(OUTPUT, `initramfs-${architecture}.cpio`);
  writeFileSync(ramdisk, buildInitramfs({ busybox: readFileSync(busybox) }));
  return { architecture, kernel, ramdisk, readyLine: GUEST_READY_LINE };
}
