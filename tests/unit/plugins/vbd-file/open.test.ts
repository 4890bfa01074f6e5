import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Images } from './images.ts';

const MIB = 1 << 20;
let images: Images;
let files: number;

const openFiles = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);

beforeEach(() => {
  images = new Images();
  files = openFiles();
});
afterEach(() => {
  expect(openFiles()).toBe(files);
  expect(images.locks()).toEqual([]);
  images.remove();
});

describe('an image that cannot be used', () => {
  it.each<[string, (images: Images) => string, string, string]>([
    ['is missing', (all) => all.path('none.img'), 'HV_ERR_VBD_OPEN', 'there is no such file'],
    ['is a directory', (all) => all.directory, 'HV_ERR_VBD_OPEN', 'it is a directory'],
    ['has a file in its path', (all) => join(all.make('a.img', MIB), 'b.img'), 'HV_ERR_VBD_OPEN', 'a part of its path is no directory'],
    ['has no path', () => '', 'HV_ERR_VBD_OPEN', 'it has no path'],
    ['is a device', () => '/dev/zero', 'HV_ERR_VBD_OPEN', 'it is no regular file'],
    ['is empty', (all) => all.make('a.img', 0), 'HV_ERR_VBD_SIZE', 'is empty'],
    [
      'ends within a sector',
      (all) => all.make('a.img', MIB + 100),
      'HV_ERR_VBD_SIZE',
      `has ${MIB + 100} bytes; expected was a multiple of the sector of 512 bytes`,
    ],
  ])('because it %s is one clear error', async (_why, make, code, message) => {
    const path = make(images);
    for (const mode of ['w', 'r', 'w!']) {
      const error = await images.refusal(images.provider(), path, mode);
      expect(error.code).toBe(code);
      if (!(mode === 'r' && path === images.directory)) expect(error.message).toContain(message);
      expect(error.hint).toBeTruthy();
    }
  });

  it('because its links go in a circle is one clear error', async () => {
    symlinkSync('b.img', images.path('a.img'));
    symlinkSync('a.img', images.path('b.img'));
    expect((await images.refusal(images.provider(), images.path('a.img'))).message).toContain('go in a circle');
  });

  it('because it is a pipe that nobody reads is refused at once', async () => {
    execFileSync('mkfifo', [images.path('pipe')]);
    expect((await images.refusal(images.provider(), images.path('pipe'))).message).toContain('no regular file');
  });

  it('because of its permissions is one clear error', () => {
    const path = images.make('a.img', MIB);
    chmodSync(path, 0o444);
    chmodSync(images.directory, 0o755);
    const program = `
      import { vbdFile } from ${JSON.stringify(join(import.meta.dirname, '../../../../plugins/vbd-file/index.ts'))};
      import { FakeGuest, fakeHost } from '#sdk';
      if (process.getuid?.() === 0) process.setuid(65534);
      const open = (mode) => vbdFile.createProvider(fakeHost(), { sectorBytes: 512, discard: 'none' })
        .open(new FakeGuest().environment({ type: 'vbd', id: 51712, settings: { params: ${JSON.stringify(path)}, mode } }));
      console.log((await open('w').catch((error) => error.code + ' ' + error.message)));
      const readOnly = await open('r');
      console.log(typeof readOnly.close);
      await readOnly.close();
    `;
    const output = execFileSync(process.execPath, ['--conditions=source', '--input-type=module-typescript', '--eval', program], {
      cwd: join(import.meta.dirname, '../../../..'),
      encoding: 'utf8',
    });
    expect(output).toBe(`HV_ERR_VBD_OPEN the image "${path}" cannot be opened for writing: its permissions do not allow it\nfunction\n`);
  });

  it('with larger sectors must be a multiple of those', async () => {
    const path = images.make('a.img', MIB + 512);
    expect((await images.refusal(images.provider({ sectorBytes: 4096 }), path)).code).toBe('HV_ERR_VBD_SIZE');
    await (await images.open(images.provider(), path)).backend.close();
  });
});

describe('an image that is used', () => {
  it.each([
    ['w', 'w'],
    ['w', 'r'],
    ['r', 'w'],
  ])('with mode %s is not given out with mode %s', async (first, second) => {
    const path = images.make('a.img', MIB);
    const provider = images.provider();
    const { backend } = await images.open(provider, path, first);
    const error = await images.refusal(provider, path, second, 2);
    expect(error.code).toBe('HV_ERR_VBD_BUSY');
    expect(error.message).toBe(
      `the image ${path} is used by domain 1 (xvda), ${first === 'w' ? 'to write' : 'read-only'}, and so cannot be given to domain 2 (xvda) ${second === 'w' ? 'to write' : 'read-only'}`,
    );
    await backend.close();
    await (await images.open(provider, path, second, 2)).backend.close();
  });

  it('has any number of readers', async () => {
    const path = images.make('a.img', MIB);
    const provider = images.provider();
    const all = await Promise.all([1, 2, 3].map((domid) => images.open(provider, path, 'r', domid)));
    expect(images.locks()).toHaveLength(3);
    for (const { backend } of all) await backend.close();
  });

  it('is given out to who insists, and counts for the next', async () => {
    const path = images.make('a.img', MIB);
    const provider = images.provider();
    const first = await images.open(provider, path);
    const second = await images.open(provider, path, 'w!', 2);
    await first.backend.close();
    expect((await images.refusal(provider, path, 'r', 3)).message).toContain('by domain 2');
    await second.backend.close();
    await (await images.open(provider, path, 'r', 3)).backend.close();
  });

  it('is the same by every name', async () => {
    const path = images.make('a.img', MIB);
    mkdirSync(images.path('other'));
    symlinkSync(path, images.path('symbolic.img'));
    linkSync(path, images.path('other/hard.img'));
    const provider = images.provider();
    const { backend } = await images.open(provider, path);
    for (const name of ['symbolic.img', 'other/hard.img']) expect((await images.refusal(provider, images.path(name))).code).toBe('HV_ERR_VBD_BUSY');
    await backend.close();
  });

  it('is kept from another hypervisor of the same process', async () => {
    const path = images.make('a.img', MIB);
    const { backend } = await images.open(images.provider(), path);
    const error = await images.refusal(images.provider(), path, 'r');
    expect(error.code).toBe('HV_ERR_VBD_BUSY');
    expect(error.message).toContain(`by process ${process.pid}`);
    await backend.close();
  });

  it('is not locked, with a warning, where no lock can be made', async () => {
    const path = images.make(`${'a'.repeat(245)}.img`, MIB);
    const { backend } = await images.open(images.provider(), path);
    expect(images.warnings).toHaveLength(1);
    expect(images.warnings[0]).toContain('nothing keeps others from using it');
    await backend.close();
  });

  it('ignores locks of processes that are gone, and what is no lock', async () => {
    const path = images.make('a.img', MIB);
    const name = (await lockNameOf(path)).replace(/~\d+~\d+~\d+$/, '~999999999~1~1');
    writeFileSync(images.path(name), '');
    writeFileSync(images.path('.a.img.lock~what'), '');
    const { backend } = await images.open(images.provider(), path);
    expect(images.locks().sort()).toEqual(expect.arrayContaining(['.a.img.lock~what']));
    expect(images.locks()).not.toContain(name);
    await backend.close();
    execFileSync('rm', [images.path('.a.img.lock~what')]);
  });

  it('counts a process that has the number of one that is gone as gone', async () => {
    const path = images.make('a.img', MIB);
    const name = (await lockNameOf(path)).replace(/~\d+~\d+$/, '~1~1');
    writeFileSync(images.path(name), '');
    await (await images.open(images.provider(), path)).backend.close();
    expect(images.locks()).toEqual([]);
  });

  it('counts for processes of other hosts, which cannot be asked', async () => {
    const path = images.make('a.img', MIB);
    writeFileSync(images.path('.a.img.lock~w~far.example~4711~1~1'), '');
    expect((await images.refusal(images.provider(), path)).message).toContain('by process 4711 on far.example, to write');
    execFileSync('rm', [images.path('.a.img.lock~w~far.example~4711~1~1')]);
  });

  /** The name of the lock that this process makes. */
  async function lockNameOf(path: string): Promise<string> {
    const { backend } = await images.open(images.provider(), path);
    const [name = ''] = images.locks();
    await backend.close();
    return name;
  }
});

describe('an image in use by another process', () => {
  it('is refused while that lives, however it ends', async () => {
    const path = images.make('a.img', MIB);
    const { spawn } = await import('node:child_process');
    const program = `
      import { vbdFile } from ${JSON.stringify(join(import.meta.dirname, '../../../../plugins/vbd-file/index.ts'))};
      import { FakeGuest, fakeHost } from '#sdk';
      await vbdFile.createProvider(fakeHost(), { sectorBytes: 512, discard: 'none' })
        .open(new FakeGuest().environment({ type: 'vbd', id: 51712, settings: { params: ${JSON.stringify(path)}, mode: 'w' } }));
      console.log('open');
      setInterval(() => {}, 1000);
    `;
    const other = spawn(process.execPath, ['--conditions=source', '--input-type=module-typescript', '--eval', program], {
      cwd: join(import.meta.dirname, '../../../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => other.stdout.once('data', resolve));
    const error = await images.refusal(images.provider(), path, 'r');
    expect(error.message).toContain(`by process ${other.pid}`);
    other.kill('SIGKILL');
    await new Promise((resolve) => other.once('close', resolve));
    await (await images.open(images.provider(), path)).backend.close();
  });
});
