import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildInitramfs, GUEST_READY_LINE } from '../../../../runtime/image/index.ts';
import { readCpio } from './cpio-reader.ts';

const BUSYBOX = new Uint8Array(1001).fill(0x42);
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe('buildInitramfs', () => {
  const members = new Map(readCpio(buildInitramfs({ busybox: BUSYBOX })).map((member) => [member.path, member]));

  it('holds busybox, its applets and a console', () => {
    expect(members.get('bin/busybox')).toMatchObject({ mode: 0o100755, data: BUSYBOX });
    for (const applet of ['bin/sh', 'sbin/poweroff', 'usr/bin/find', 'bin/cttyhack', 'bin/mount', 'usr/bin/setsid']) {
      expect(text(members.get(applet)?.data), applet).toBe('/bin/busybox');
    }
    expect(members.get('dev/console')).toMatchObject({ mode: 0o20600, device: [5, 1] });
  });

  it('has an executable init that prints the ready line, gives a shell a terminal and turns off', () => {
    const init = members.get('init');
    expect(init?.mode).toBe(0o100755);
    expect(text(init?.data)).toMatch(/^#!\/bin\/busybox sh\n/);
    expect(text(init?.data)).toContain(GUEST_READY_LINE);
    expect(text(init?.data)).toMatch(/trap 'poweroff -f' USR2.*setsid cttyhack sh.*poweroff -f'\nwhile/s);
  });

  it('puts every directory before what it holds', () => {
    const paths = [...members.keys()];
    const orphans = paths.filter((path, index) => path.includes('/') && !paths.slice(0, index).includes(path.slice(0, path.lastIndexOf('/'))));
    expect(orphans).toEqual([]);
  });

  it("lets files of the caller's replace and join ours", () => {
    const data = new TextEncoder().encode('hello');
    const own = new Map(
      readCpio(
        buildInitramfs({
          busybox: BUSYBOX,
          hostname: 'web',
          files: [
            { kind: 'file', path: '/etc/banner', data },
            { kind: 'file', path: 'etc/extra', data },
          ],
        }),
      ).map((member) => [member.path, member.data]),
    );
    expect(text(own.get('etc/banner'))).toBe('hello');
    expect(text(own.get('etc/extra'))).toBe('hello');
    expect(text(own.get('etc/hostname'))).toBe('web\n');
  });

  it('is the same for the same input, and gunzips to the same', () => {
    const plain = buildInitramfs({ busybox: BUSYBOX });
    expect(buildInitramfs({ busybox: BUSYBOX })).toEqual(plain);
    expect(new Uint8Array(gunzipSync(buildInitramfs({ busybox: BUSYBOX, gzip: true })))).toEqual(plain);
  });
});
