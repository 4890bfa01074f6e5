import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { createPluginProject, projectFiles } from '../../../../runtime/control/plugin-project/create-plugin.ts';
import { PLUGIN_KINDS } from '../../../../runtime/control/plugin-project/plugin-kinds.ts';
import { checkSource } from '../../../../runtime/plugin/source/check-source.ts';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '../../../..');
const own = { name: 'xylem', version: '1.2.3', folder: root };
mkdirSync(join(root, 'build'), { recursive: true });
/** Inside of the repository, so that its own package is found by name. */
const scratch = mkdtempSync(join(root, 'build', 'guides-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const kinds = Object.entries(PLUGIN_KINDS);
const node = process.execPath;

/** Writes the files of a project, without its package.json: the package that it imports is then found by its own name. */
function write(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  for (const [file, text] of Object.entries(files)) if (file.endsWith('.ts')) writeFileSync(join(folder, file), text);
  return folder;
}

/** Runs the tests of a project as its author would, and returns how many passed. */
async function passed(folder: string): Promise<number> {
  const run = promisify(execFile)(node, ['--conditions=source', '--test', '--test-reporter=tap'], { cwd: folder, env: { PATH: process.env['PATH'] } });
  const { stdout } = await run.catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${error.stdout.slice(-4000)}${error.stderr.slice(-2000)}`);
  });
  return Number(/^# pass (\d+)$/m.exec(stdout)?.[1]);
}

describe('the guides', () => {
  it.each(kinds)('for a %s end in a plugin whose tests pass, and that declares what it uses', async (_kind, kind) => {
    const folder = write(kind.name, projectFiles(kind.name, kind, own));
    expect(await passed(folder)).toBeGreaterThan(3);
    expect([...checkSource({ name: kind.name, module: pathToFileURL(join(folder, 'index.ts')), folder, free: ['xylem/sdk'] })]).toEqual([]);
  });

  it('are all there', () => {
    const written = readdirSync(join(root, 'sdk/docs/guides')).filter((file) => file.startsWith('write-a-') && file !== 'write-a-plugin.md');
    expect(written.sort()).toEqual(kinds.map(([, { guide }]) => `${guide}.md`).sort());
  });
});

describe('a project that was written', () => {
  const name = (kind: string): string => (kind === 'vbd' ? 'two-words' : `my-${kind}`);

  it.each(kinds)('for a %s passes its tests under another name', async (kindName, kind) => {
    const files = projectFiles(name(kindName), kind, own);
    expect(JSON.parse(files['package.json'] ?? '')).toMatchObject({ name: name(kindName), peerDependencies: { xylem: '^1.2.3' } });
    const text = Object.values(files).join('\n').replaceAll(kind.guide, '');
    expect(text).not.toContain(kind.name);
    expect(text).toContain(`name: '${name(kindName)}'`);
    expect(await passed(write(name(kindName), files))).toBeGreaterThan(3);
  });

  it('has types that hold', { timeout: 120_000 }, () => {
    const include = readdirSync(scratch);
    expect(include.length).toBe(2 * kinds.length);
    writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include, exclude: [] }));
    const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', scratch], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, '']);
  });
});

describe('xylem-plugin', () => {
  const cli = (cwd: string, ...words: readonly string[]) =>
    spawnSync(node, ['--conditions=source', join(root, 'runtime/control/xylem-plugin.ts'), ...words], { cwd, encoding: 'utf8' });

  it('writes a folder, and never into one that exists', () => {
    const cwd = mkdtempSync(join(scratch, '..', 'cli-'));
    try {
      expect(cli(cwd, 'create', 'sched-mine', '--kind', 'scheduler')).toMatchObject({ status: 0, stderr: '' });
      expect(readdirSync(join(cwd, 'sched-mine')).sort()).toEqual(['README.md', 'index.test.ts', 'index.ts', 'package.json']);
      const source = readFileSync(join(cwd, 'sched-mine/index.ts'), 'utf8');
      expect(source).toContain(`scheduler: 'mine'`);
      expect(source).toContain('export const schedMine: SchedulerPlugin<MineOptions>');
      writeFileSync(join(cwd, 'sched-mine/index.ts'), 'mine');
      const again = cli(cwd, 'create', 'sched-mine', '--kind', 'scheduler');
      expect(again).toMatchObject({ status: 1, stdout: '' });
      expect(again.stderr).toMatch(
        /^xylem-plugin: \S+sched-mine is there already, and nothing was written; choose another name, or remove it \(HV_ERR_FILE_WRITE\)\n$/,
      );
      expect(readFileSync(join(cwd, 'sched-mine/index.ts'), 'utf8')).toBe('mine');
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  });

  it.each([
    [['create', 'My Plugin', '--kind', 'vbd'], '"My Plugin" is no name for a plugin'],
    [['create', '../up', '--kind', 'vbd'], '"../up" is no name for a plugin'],
    [['create', 'x'.repeat(65), '--kind', 'vbd'], 'is no name for a plugin'],
    [
      ['create', 'fine', '--kind', 'toaster'],
      'there is no kind "toaster" of plugins; choose one of scheduler, vbd, vif, device, network, tracer (HV_ERR_CLI_OPTION)',
    ],
    [['create', 'fine', '--kind', 'constructor'], 'there is no kind "constructor"'],
    [['create', 'fine'], "required option '--kind <kind>' not specified"],
    [['create', '--kind', 'vbd'], "missing required argument 'name'"],
    [['create', 'a', 'b', '--kind', 'vbd'], 'too many arguments'],
    [['make'], "unknown command 'make'"],
  ])('refuses %j in one line', (words, message) => {
    const before = readdirSync(scratch);
    const { status, stderr, stdout } = cli(scratch, ...words);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(readdirSync(scratch)).toEqual(before);
  });

  it('says so when the folder cannot be made', () => {
    expect(() => createPluginProject({ name: 'fine', kind: 'vbd', directory: join(scratch, 'nowhere') }, own)).toThrow(/fine cannot be written: ENOENT/);
  });
});
