import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { runXm, Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

/** Lines that the script works on: 16 MB, or as many as an interpreted 32-bit guest gets through in a minute. */
const LONG = 2_200_000;
const SHORT = 5_000;

/** Process creation, pipes, signals, floating point, hashes and compression over `count` lines; the same for guest and host. */
const scriptFor = (count: number): string => `exec 2>&1
i=0; while [ $i -lt ${count < LONG ? 40 : 200} ]; do (exit 3) || i=$((i+1)); done; echo forks $i
echo one two three | tr ' ' '\\n' | sort -r | head -n 2 | tr '\\n' ,; echo
sh -c 'trap "echo caught" USR1; kill -USR1 $$; echo after'
sh -c 'kill -TERM $$' || echo ended $?
awk 'BEGIN { for (i = 1; i < 3000; i++) s += 1 / (i * i); printf "%.12f %.9e\\n", s, 2 / 3e-7 }'
awk 'BEGIN { x = 0.1; for (i = 0; i < 50; i++) x = 3.7 * x * (1 - x); printf "%.10f\\n", x }'
seq 1 ${count} | sha256sum
seq 1 ${count} | gzip -6 | gunzip | md5sum
seq 1 ${count} | gzip -1 | wc -c
echo 'aGVsbG8gd29ybGQ=' | base64 -d; echo
seq 1 300 | sed 's/7/seven/g' | md5sum
dd if=/dev/zero bs=65536 count=64 2>/dev/null | sha1sum
expr 12345 '*' 6789 / 13
`;

describe.each([
  ['amd64', 'auto', LONG],
  ['amd64', 'interpreter', LONG],
  ['i386', 'auto', LONG],
  ['i386', 'interpreter', SHORT],
] as const)('Debian %s on engine %s', async (flavour, engine, count) => {
  const script = scriptFor(count);
  const files = await debianFiles(flavour);

  it.skipIf('missing' in files)('boots to the shell, computes what the host computes, and powers off', async () => {
    if ('missing' in files) return;
    const folder = join(scratch.path, `${flavour}-${engine}`);
    mkdirSync(folder);
    const busybox = join(folder, 'busybox');
    writeFileSync(busybox, readFileSync(files.busybox));
    chmodSync(busybox, 0o755);
    const applets = join(folder, 'bin');
    mkdirSync(applets);
    execFileSync(busybox, ['--install', '-s', applets]);
    const expected = execFileSync(busybox, ['sh', '-c', script], { env: { PATH: applets }, encoding: 'utf8' });
    const ramdisk = join(folder, 'initrd');
    const entry = { path: 'script', kind: 'file' as const, mode: 0o755, data: Buffer.from(script) };
    writeFileSync(ramdisk, buildInitramfs({ busybox: readFileSync(files.busybox), files: [entry] }));
    // what is in the UART when the driver starts is lost, as on a real line: an empty line goes first
    const input =
      '\nsh /script > /out 2>&1; echo BEGIN-OUT; cat /out; echo END-OUT; find / -xdev | wc -l; find /sys /proc > /found 2>/dev/null; wc -l < /found; poweroff\n';
    const { exitCode, stdout, stderr } = await runXm(
      [
        'run',
        '--kernel',
        files.kernel,
        '--ramdisk',
        ramdisk,
        '--memory',
        '256',
        '--engine',
        engine,
        '--timeout',
        '500',
        '--extra',
        'console=ttyS0 quiet mitigations=off',
      ],
      { input },
    );
    const text = stdout.replaceAll('\r', '');
    const output = text.slice(text.indexOf('\nBEGIN-OUT\n') + 11, text.indexOf('\nEND-OUT\n') + 1);
    expect(output).toBe(expected);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(text).not.toMatch(/Oops|BUG:|WARNING:|panic|Segmentation fault/);
  });
});
