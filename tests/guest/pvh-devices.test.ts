import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { hostTool } from '../support/host-tool.ts';
import { runXm, Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const mkfs = hostTool('mkfs.ext4');
const fsck = hostTool('e2fsck');

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Runs a script in a Debian guest with devices; what the guest printed, without carriage returns. */
async function inGuest(name: string, files: { kernel: string; busybox: string; modules: string }, script: string, devices: readonly string[]) {
  const ramdisk = join(scratch.path, `${name}-initrd`);
  const entry = { path: 'script', kind: 'file' as const, mode: 0o755, data: Buffer.from(script) };
  writeFileSync(ramdisk, buildInitramfs({ busybox: readFileSync(files.busybox), modules: readFileSync(files.modules), files: [entry] }));
  const words = ['run', '--machine', 'pvh', '--kernel', files.kernel, '--ramdisk', ramdisk, '--memory', '160', '--timeout', '300', ...devices];
  const result = await runXm([...words, '--extra', 'console=hvc0 quiet mitigations=off'], { input: 'sh /script\n' });
  return { ...result, stdout: result.stdout.replaceAll('\r', '') };
}

describe.each(['amd64', 'i386'] as const)('the devices of Debian %s', async (flavour) => {
  const files = await debianFiles(flavour);

  it.skipIf('missing' in files || mkfs === undefined || fsck === undefined)('xvda keeps an ext4 that the guest writes', async () => {
    if ('missing' in files || mkfs === undefined || fsck === undefined) return;
    const image = scratch.file(`${flavour}.img`, '');
    execFileSync('truncate', ['-s', '64M', image]);
    execFileSync(mkfs, ['-q', image]);
    const script = `set -e
mount -t ext4 /dev/xvda /mnt
dd if=/dev/urandom of=/mnt/random bs=64k count=256 2>/dev/null
i=0; while [ $i -lt 200 ]; do mkdir /mnt/d$i; echo $i > /mnt/d$i/f; i=$((i+1)); done
rm -r /mnt/d1*; sync; echo 3 > /proc/sys/vm/drop_caches
echo "sum $(sha256sum < /mnt/random)"; cat /mnt/d*/f | wc -l
umount /mnt; poweroff
`;
    const { exitCode, stdout, stderr } = await inGuest(`${flavour}-disk`, files, script, ['--disk', `file:${image},xvda,w`]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).not.toMatch(/Oops|BUG:|WARNING:|panic|I\/O error|disabled for further use/);
    const [, sum] = /^sum ([0-9a-f]{64})/m.exec(stdout) ?? [];
    expect(stdout).toMatch(/^89$/m);
    execFileSync(fsck, ['-f', '-n', image]);
    const copy = join(scratch.path, `${flavour}-random`);
    execFileSync(hostTool('debugfs') ?? '', ['-R', `dump /random ${copy}`, image], { stdio: 'ignore' });
    expect(sha256(readFileSync(copy))).toBe(sum);
  });

  it.skipIf('missing' in files)('eth0 gets an address and fetches from a server of the host, whole', async () => {
    if ('missing' in files) return;
    const content = randomBytes(3 << 20);
    const server = createServer((_request, response) => response.end(content));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const script = `wget -q -O /tmp/got http://10.0.2.2:${port}/ && echo "sum $(sha256sum < /tmp/got)"; ip addr show eth0; poweroff\n`;
      const { exitCode, stdout, stderr } = await inGuest(`${flavour}-net`, files, script, ['--vif', 'backend=user,mac=00:16:3e:01:02:03']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toContain(`sum ${sha256(content)}`);
      expect(stdout).toMatch(/00:16:3e:01:02:03.*inet 10\.0\.2\.15\/24/s);
    } finally {
      server.close();
    }
  });
});
