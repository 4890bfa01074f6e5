import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const PROGRAM = join(import.meta.dirname, '../support/compare-boot.ts');
/** Where Debian's amd64 kernel unpacks itself: what went before depends on where the loader put it. */
const FROM = ['4300000', '4400000'];
const PLACES = 100_000;
const hasQemu = spawnSync('qemu-system-x86_64', ['--version']).status === 0;

describe('a trace of the boot of Debian amd64', async () => {
  const files = await debianFiles('amd64');
  const missing = 'missing' in files ? files.missing : hasQemu ? undefined : 'qemu-system-x86_64 is not installed';

  it.skipIf(missing !== undefined)(
    `goes through ${PLACES} blocks as under QEMU, the search for ACPI tables aside${missing ? `: ${missing}` : ''}`,
    async () => {
      if ('missing' in files) return;
      const ramdisk = join(scratch.path, 'initrd');
      writeFileSync(ramdisk, buildInitramfs({ busybox: readFileSync(files.busybox) }));
      const words = ['--conditions=source', PROGRAM, files.kernel, ramdisk, ...FROM, String(PLACES)];
      const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 280_000 });
      const [, agreed = '0', other = '0', detours = '0'] =
        /^(\d+) places agree, (\d+) of them with other values .*, with (\d+) detours.* to the end of the shorter trace$/m.exec(stdout) ?? [];
      expect(Number(agreed), stdout).toBeGreaterThan(0.99 * PLACES);
      // addresses of what the loader left, and how far the search went
      expect(Number(other), stdout).toBeLessThan(1000);
      expect(Number(detours), stdout).toBeLessThan(4);
    },
  );
});
