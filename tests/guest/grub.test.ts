import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createHypervisor } from '#runtime';
import { debianPackages } from '../support/debian-programs.ts';
import { hostTool } from '../support/host-tool.ts';
import { Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const LIMIT_MS = 60_000;
const CONFIG = `set timeout=-1
set enable_progress_indicator=0
menuentry "Read the file" { cat /file; halt }
menuentry "Another choice" { halt }
`;
const mke2fs = hostTool('mke2fs');
const grub = await debianPackages('grub-xen', ['grub-xen-host']);

it.skipIf('missing' in grub || mke2fs === undefined)(
  'GRUB for Xen shows its menu, and reads a file from a VBD',
  async () => {
    if ('missing' in grub || mke2fs === undefined) return;
    const root = join(scratch.path, 'root');
    mkdirSync(join(root, 'boot/grub'), { recursive: true });
    writeFileSync(join(root, 'boot/grub/grub.cfg'), CONFIG);
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i} of the file`);
    writeFileSync(join(root, 'file'), `${lines.join('\n')}\n`);
    const image = join(scratch.path, 'disk.img');
    execFileSync(mke2fs, ['-q', '-t', 'ext2', '-d', root, image, '8M']);
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const kernel = join(grub.directory, 'usr/lib/grub-xen/grub-i386-xen_pvh.bin');
    const domain = await hypervisor.createDomain({ name: 'grub', kernel, memory: 64, disk: [`file:${image},xvda,r`] });
    let output = '';
    let isChosen = false;
    domain.console.on('data', (bytes: Buffer) => {
      output += bytes.toString('latin1');
      // the menu stands when its last line does
      if (isChosen || !/Another choice {60}[\s\S]*previous menu|previous menu[\s\S]*Another choice {50}/.test(output)) return;
      isChosen = true;
      domain.console.write('\r');
    });
    expect((await domain.ended).reason).toBe('poweroff');
    expect(output).toContain('GNU GRUB');
    // its terminal moves the cursor between lines
    expect(output.match(/line \d+ of the file/g)).toEqual(lines);
  },
  LIMIT_MS,
);
