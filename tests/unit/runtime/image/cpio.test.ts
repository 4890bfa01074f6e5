import { describe, expect, it } from 'vitest';
import { writeCpio } from '../../../../runtime/image/index.ts';
import { readCpio } from './cpio-reader.ts';

describe('writeCpio', () => {
  const archive = writeCpio([
    { kind: 'directory', path: '/dev' },
    { kind: 'file', path: 'abc', data: new Uint8Array([1, 2, 3, 4, 5]), mode: 0o755 },
    { kind: 'file', path: 'empty', data: new Uint8Array(0) },
    { kind: 'symlink', path: 'bin/sh', target: '/bin/busybox' },
    { kind: 'device', path: 'dev/console', type: 'character', major: 5, minor: 1 },
    { kind: 'device', path: 'dev/xvda', type: 'block', major: 202, minor: 16, mode: 0o660 },
  ]);

  it('keeps paths, modes, contents and device numbers', () => {
    const seen = readCpio(archive).map(({ path, mode, device, data }) => [path, mode.toString(8), device.join(':'), [...data].join(' ')]);
    expect(seen).toEqual([
      ['dev', '40755', '0:0', ''],
      ['abc', '100755', '0:0', '1 2 3 4 5'],
      ['empty', '100644', '0:0', ''],
      ['bin/sh', '120777', '0:0', [...new TextEncoder().encode('/bin/busybox')].join(' ')],
      ['dev/console', '20600', '5:1', ''],
      ['dev/xvda', '60660', '202:16', ''],
    ]);
  });

  it('gives every member an inode of its own, and pads to blocks', () => {
    expect(new Set(readCpio(archive).map(({ inode }) => inode)).size).toBe(6);
    expect(archive.length % 512).toBe(0);
  });
});
