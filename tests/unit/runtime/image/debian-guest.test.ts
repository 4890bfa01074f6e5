import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DebianGuestRequest, defaultCacheDirectory, fetchDebianGuest, type GuestProgress } from '../../../../runtime/image/index.ts';
import { readCpio } from './cpio-reader.ts';
import { BUSYBOX, type FakeApt, installFakeApt, KERNEL } from './fake-apt.ts';

let directory = '';
let cache = '';
let tools = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'debian guest '));
  cache = join(directory, 'cache');
  tools = join(directory, 'tools');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

function fetchWith(apt: FakeApt, request: Partial<DebianGuestRequest> = {}): ReturnType<typeof fetchDebianGuest> {
  installFakeApt(tools, apt);
  vi.stubEnv('PATH', tools);
  return fetchDebianGuest({ flavour: 'amd64', cacheDirectory: cache, ...request });
}

function calls(): string[] {
  return existsSync(join(tools, 'calls')) ? readFileSync(join(tools, 'calls'), 'utf8').trim().split('\n') : [];
}

describe('fetchDebianGuest', () => {
  it('puts kernel and busybox into the cache and leaves nothing else there', async () => {
    const guest = await fetchWith({});
    expect(new Uint8Array(readFileSync(guest.kernel))).toEqual(KERNEL);
    expect(new Uint8Array(readFileSync(guest.busybox))).toEqual(BUSYBOX);
    expect(guest.warnings).toEqual([]);
    expect(guest.packages['busybox-static']).toBe('busybox-static_1.35_amd64.deb');
    expect(readdirSync(cache)).toEqual(['debian-amd64']);
    expect(calls()[1]).toMatch(/download linux-image-6\.1\.0-9-cloud-amd64 busybox-static$/);
  });

  it('packs the modules that a domain needs, with what modprobe wants to know', async () => {
    const { modules } = await fetchWith({});
    const files = new Map(readCpio(new Uint8Array(readFileSync(modules))).map(({ path, data }) => [path, data]));
    expect([...files.keys()].filter((path) => path.endsWith('.ko'))).toEqual(['ext4', 'jbd2', 'crc32c_generic'].map((name) => `lib/modules/6.1/${name}.ko`));
    const text = (name: string): string => new TextDecoder().decode(files.get(`lib/modules/6.1/${name}`));
    expect(text('modules.dep')).toBe('ext4.ko: jbd2.ko crc32c_generic.ko\njbd2.ko: crc32c_generic.ko\ncrc32c_generic.ko:\n');
    expect(text('modules.alias')).toBe('alias fs-ext4 ext4\nalias crc32c crc32c_generic\n');
  });

  it('tells its progress, in order', async () => {
    const seen: GuestProgress[] = [];
    await fetchWith({}, { onProgress: (progress) => seen.push(progress) });
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(['index', 'download', 'unpack', 'done']);
    expect(seen).toContainEqual({ phase: 'index', fraction: 0.5 });
  });

  it('takes an intact cache without apt, and repairs a damaged one', async () => {
    const { kernel } = await fetchWith({});
    await fetchWith({});
    expect(calls()).toHaveLength(2);
    truncateSync(kernel, 100);
    await fetchWith({});
    expect(calls()).toHaveLength(4);
    expect(new Uint8Array(readFileSync(kernel))).toEqual(KERNEL);
  });

  it('keeps the old files when a refresh fails', async () => {
    const { kernel } = await fetchWith({});
    await expect(fetchWith({ show: '' }, { refresh: true })).rejects.toMatchObject({
      code: 'HV_ERR_IMAGE_UNAVAILABLE',
    });
    expect(new Uint8Array(readFileSync(kernel))).toEqual(KERNEL);
    expect(readdirSync(cache)).toEqual(['debian-amd64']);
  });

  it('goes on with the indexes that were verified, and says so', async () => {
    const update = 'echo "E: Failed to fetch http://mirror/x  File has unexpected size (1 != 2). [IP: 192.0.2.1 80]" >&2; exit 100';
    const warnings: (string | undefined)[] = [];
    const guest = await fetchWith({ update }, { onProgress: ({ warning }) => warnings.push(warning) });
    expect(guest.warnings).toHaveLength(1);
    expect(guest.warnings[0]).toMatch(/may not be the newest kernel \(Failed to fetch http:\/\/mirror\/x {2}File has unexpected size \(1 != 2\)\.\)$/);
    expect(warnings).toContain(guest.warnings[0]);
    expect((await fetchWith({})).warnings).toEqual(guest.warnings);
  });

  it.each([
    [
      'no network',
      {
        update: 'echo "W: Failed to fetch http://m/  Temporary failure resolving \'m\'" >&2',
        show: '',
      },
      'HV_ERR_IMAGE_NETWORK',
    ],
    ['a bad signature', { update: 'echo "W: GPG error: http://m InRelease: NO_PUBKEY 1" >&2', show: '' }, 'HV_ERR_IMAGE_DOWNLOAD'],
    ['no such package', { show: '' }, 'HV_ERR_IMAGE_UNAVAILABLE'],
    ['a download that fails', { download: 'echo "E: Failed to fetch http://m/k.deb  Connection timed out" >&2; exit 100' }, 'HV_ERR_IMAGE_NETWORK'],
    ['a full disk', { download: 'echo "E: Write error - write (28: No space left on device)" >&2; exit 100' }, 'HV_ERR_IMAGE_NO_SPACE'],
    ['a package without a kernel', { download: `/bin/cp "${'$'}{0%/*}/busybox.tar" "${'$'}{0%/*}/kernel.tar"` }, 'HV_ERR_IMAGE_UNPACK'],
  ])('fails with one clear line for %s, and leaves no half download', async (_name, apt, code) => {
    const error: unknown = await fetchWith(apt).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: 'HypervisorError',
      code,
      message: expect.stringMatching(/^[^\n]+$/),
      hint: expect.stringMatching(/./),
    });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('fails clearly on a host without apt', async () => {
    vi.stubEnv('PATH', join(directory, 'nothing'));
    await expect(fetchDebianGuest({ flavour: 'i386', cacheDirectory: cache })).rejects.toMatchObject({ code: 'HV_ERR_IMAGE_APT_MISSING' });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('fails clearly when the cache cannot be a directory', async () => {
    writeFileSync(cache, '');
    await expect(fetchWith({})).rejects.toMatchObject({ code: 'HV_ERR_IMAGE_CACHE' });
  });

  it('stops when asked, and cleans up', async () => {
    const stop = new AbortController();
    const fetching = fetchWith({ update: 'exec /bin/sleep 30' }, { signal: stop.signal, onProgress: () => setTimeout(() => stop.abort(), 50) });
    await expect(fetching).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('may run twice at a time', async () => {
    const [a, b] = await Promise.all([fetchWith({}), fetchWith({})]);
    expect(a.kernel).toBe(b.kernel);
    expect(readdirSync(cache)).toEqual(['debian-amd64']);
  });

  it('removes what a killed fetch left, but not what a running one has', async () => {
    for (const name of ['.partial-old', '.partial-new']) mkdirSync(join(cache, name), { recursive: true });
    utimesSync(join(cache, '.partial-old'), 1, 1);
    await fetchWith({});
    expect(readdirSync(cache).sort()).toEqual(['.partial-new', 'debian-amd64']);
  });

  it('never lets apt take what is not signed', async () => {
    const keep = `/bin/cp "$2" '${join(directory, 'apt.conf')}'`;
    await fetchWith({ update: keep });
    const configuration = readFileSync(join(directory, 'apt.conf'), 'utf8');
    expect(configuration).toContain('APT::Get::AllowUnauthenticated "false";');
    expect(configuration).toContain('Acquire::AllowInsecureRepositories "false";');
    expect(configuration).toContain(`Dir::State::status "${cache}/`);
  });
});

describe('defaultCacheDirectory', () => {
  it('follows XDG_CACHE_HOME when it is absolute', () => {
    expect(defaultCacheDirectory({ XDG_CACHE_HOME: '/var/x' })).toBe('/var/x/xylem');
    expect(defaultCacheDirectory({ XDG_CACHE_HOME: 'x' })).toMatch(/\/\.cache\/xylem$/);
    expect(defaultCacheDirectory({})).toMatch(/\/\.cache\/xylem$/);
  });
});
