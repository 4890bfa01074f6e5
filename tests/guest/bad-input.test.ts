import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pvhGuest } from '../support/pvh-guest.ts';
import { powerOff, tinyGuest } from '../support/tiny-guest.ts';
import { runXm, Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const kernel = scratch.file('ok.elf', tinyGuest(powerOff));
const text = scratch.file('text', 'hello\n');
const empty = scratch.file('empty', '');
const garbage = scratch.file('garbage', new Uint8Array(5000).fill(0x01));
const noPlugin = scratch.file('none.mjs', 'export const nothing = 1;');
const throwing = scratch.file('throwing.mjs', "throw new Error('broken at once');");
const old = scratch.file('old.mjs', "export const p = { name: 'p', apiVersion: 0, options: {} };");
const applying = scratch.file('applying.mjs', "export const p = { name: 'p', apiVersion: 1, options: {}, apply() { throw new Error('broken in apply'); } };");
mkdirSync(join(scratch.path, 'folder'));
const folder = join(scratch.path, 'folder');
const run = ['run', '--kernel', kernel];
const pvh = ['run', '--machine', 'pvh', '--kernel', scratch.file('pvh.elf', pvhGuest([0xf4]))];
let configs = 0;
const config = (fields: object): string => scratch.file(`domain-${configs++}.json`, JSON.stringify(fields));

/** What is typed, the exit code, the code of the error, and words that the line must hold. */
const cases: readonly (readonly [title: string, words: readonly string[], exitCode: number, code: string, line: RegExp])[] = [
  ['an unknown verb', ['rum'], 2, 'HV_ERR_CLI_USAGE', /unknown command 'rum'.*Did you mean run/],
  ['an unknown option', ['run', '--kernal', 'x'], 2, 'HV_ERR_CLI_USAGE', /unknown option '--kernal'.*Did you mean --kernel/],
  ['an option without its value', ['run', '--kernel'], 2, 'HV_ERR_CLI_USAGE', /argument missing/],
  ['a stray argument', ['run', 'one.json', 'two.json'], 2, 'HV_ERR_CLI_USAGE', /too many arguments/],
  ['a missing configuration', ['run', '/no/such.json'], 1, 'HV_ERR_FILE_READ', /configuration \/no\/such\.json: there is no such file/],
  ['a configuration that is no JSON', ['run', text], 1, 'HV_ERR_DOMAIN_CONFIG', /text is no JSON/],
  ['a configuration without a kernel', ['run', config({ memory: 4 })], 1, 'HV_ERR_DOMAIN_CONFIG', /\.kernel: expected was a file's path.*seen was nothing/],
  ['a configuration with a field that is none', ['run', config({ kernel, maxmem: 4 })], 1, 'HV_ERR_DOMAIN_CONFIG', /\.maxmem: there is no such field.*memory/],
  ['a configuration beside an option', ['run', config({ kernel }), '--memory', '4'], 2, 'HV_ERR_CLI_OPTION', /--memory is given with the configuration/],
  ['a disk on a PC', [...run, '--machine', 'pc', '--disk', 'memory:1M,xvda,w'], 2, 'HV_ERR_CLI_OPTION', /--disk is given, and the machine is a pc/],
  ['a disk of no kind', [...pvh, '--disk', 'tape:x,xvda,w'], 1, 'HV_ERR_DEVICE_SPEC', /no backend "tape"; expected was one of file, memory/],
  ['a missing image', [...pvh, '--disk', 'file:/no/such.img,xvda,w'], 1, 'HV_ERR_VBD_OPEN', /no such file/],
  ['a vif of no network', [...pvh, '--vif', 'backend=none'], 1, 'HV_ERR_DEVICE_SPEC', /no network "none"; expected was one of user, switch/],
  ['two vCPUs that count time', [...pvh, '--vcpus', '2', '--clock', 'instructions'], 1, 'HV_ERR_DOMAIN_CONFIG', /vcpus: expected was 1, for time.*seen was 2/],
  ['too many vCPUs', [...pvh, '--vcpus', '33'], 2, 'HV_ERR_CLI_OPTION', /--vcpus: "33" is no number from 1 to 32/],
  ['too many vCPUs in a configuration', ['run', config({ kernel, vcpus: 33 })], 1, 'HV_ERR_DOMAIN_CONFIG', /vcpus: expected was .* from 1 to 32; seen was 33/],
  ['a number of vCPUs that is none', [...pvh, '--vcpus', 'two'], 2, 'HV_ERR_CLI_OPTION', /--vcpus: "two"/],
  ['no pCPU', [...pvh, '--pcpus', '0'], 2, 'HV_ERR_CLI_OPTION', /--pcpus: "0" is no number from 1 to 64/],
  ['an unknown scheduler', [...pvh, '--scheduler', 'lottery'], 1, 'HV_ERR_SCHEDULER_UNKNOWN', /"lottery".*bvt, credit, sedf/],
  ['a missing kernel', ['run', '--kernel', '/no/such'], 1, 'HV_ERR_FILE_READ', /kernel \/no\/such: there is no such file/],
  ['a folder as kernel', ['run', '--kernel', folder], 1, 'HV_ERR_FILE_READ', /it is a folder/],
  ['a device as kernel', ['run', '--kernel', '/dev/zero'], 1, 'HV_ERR_FILE_READ', /it is a device/],
  ['an empty kernel', ['run', '--kernel', empty], 1, 'HV_ERR_FILE_READ', /it is empty/],
  ['a text as kernel', ['run', '--kernel', text], 1, 'HV_ERR_LOADER_UNRECOGNISED', /a text file; expected was/],
  ['garbage as kernel', ['run', '--kernel', garbage], 1, 'HV_ERR_LOADER_UNRECOGNISED', /unknown data of 5000 bytes/],
  [
    'a kernel that does not begin by PVH',
    ['run', '--machine', 'pvh', '--kernel', kernel],
    1,
    'HV_ERR_LOADER_UNSUPPORTED',
    /a multiboot kernel.*expected was an entry by PVH/,
  ],
  ['a missing ramdisk', [...run, '--ramdisk', '/no/such'], 1, 'HV_ERR_FILE_READ', /ramdisk \/no\/such/],
  ['a ramdisk without a kernel', ['run', '--ramdisk', text], 2, 'HV_ERR_CLI_OPTION', /without --kernel/],
  ['a ramdisk that does not fit', [...run, '--memory', '2', '--ramdisk', scratch.file('big', new Uint8Array(3 << 20))], 1, 'HV_ERR_LOADER_NO_ROOM', /memory/],
  ['a firmware of a wrong size', ['run', '--firmware', text], 1, 'HV_ERR_FIRMWARE_SIZE', /6 bytes; expected was a ROM image of 64/],
  ['a firmware beside a kernel', [...run, '--firmware', text], 2, 'HV_ERR_CLI_OPTION', /both given/],
  ['memory that is no number', [...run, '--memory', 'lots'], 2, 'HV_ERR_CLI_OPTION', /"lots" is no number of MiB.*2 to 3584/],
  ['too little memory', [...run, '--memory', '1'], 2, 'HV_ERR_CLI_OPTION', /too little memory/],
  ['too much memory', [...run, '--memory', '4096'], 2, 'HV_ERR_CLI_OPTION', /too much memory/],
  ['an unknown engine', [...run, '--engine', 'steam'], 2, 'HV_ERR_CLI_OPTION', /"steam".*auto, interpreter, translator/],
  ['an unknown clock', [...run, '--clock', 'sun'], 2, 'HV_ERR_CLI_OPTION', /"sun".*host, instructions/],
  ['an unknown CPU', [...run, '--cpu', 'z80'], 2, 'HV_ERR_CLI_OPTION', /"z80".*max, nehalem/],
  ['a time-out that is no number', [...run, '--timeout', 'soon'], 2, 'HV_ERR_CLI_OPTION', /"soon" is no number of seconds/],
  ['a time-out of 0', [...run, '--timeout', '0'], 2, 'HV_ERR_CLI_OPTION', /"0" is no number of seconds/],
  ['a bad regular expression', [...run, '--expect', '('], 2, 'HV_ERR_CLI_OPTION', /"\(" is no regular expression/],
  ['a folder for the statistics', [...run, '--stats', folder], 1, 'HV_ERR_FILE_WRITE', /it is a folder/],
  ['statistics in a folder that is missing', [...run, '--stats', '/no/such/file'], 1, 'HV_ERR_FILE_WRITE', /folder does not exist/],
  ['a trace in a folder that is missing', [...run, '--trace', '/no/such/file'], 1, 'HV_ERR_FILE_WRITE', /cannot write \/no\/such\/file/],
  ['a trace on a full disk', [...run, '--trace', '/dev/full'], 1, 'HV_ERR_FILE_WRITE', /the disk is full/],
  ['an unknown plugin', [...run, '--plugin', 'dev-none'], 2, 'HV_ERR_PLUGIN_UNKNOWN', /"dev-none".*ours are dev-debug-console, dev-debug-exit/],
  ['a missing file of a plugin', [...run, '--plugin', './none.ts'], 2, 'HV_ERR_PLUGIN_UNKNOWN', /there is no such file/],
  ['a plugin without a name', [...run, '--plugin', ''], 2, 'HV_ERR_PLUGIN_OPTION', /names no plugin/],
  ['an unknown option of a plugin', [...run, '--plugin', 'dev-debug-exit,prot=1'], 2, 'HV_ERR_PLUGIN_OPTION', /no option prot; it takes port, width/],
  ['a bad value of a plugin option', [...run, '--plugin', 'dev-debug-exit,port=x'], 2, 'HV_ERR_PLUGIN_OPTION', /port=x.*from 0x0 to 0xffff/],
  ['a plugin option given twice', [...run, '--plugin', 'dev-debug-exit,port=1,port=2'], 2, 'HV_ERR_PLUGIN_OPTION', /twice/],
  ['a module that is no plugin', [...run, '--plugin', noPlugin], 1, 'HV_ERR_PLUGIN_INVALID', /is no plugin/],
  ['a plugin for another version', [...run, '--plugin', old], 1, 'HV_ERR_PLUGIN_INVALID', /version 0.*expected was 1/],
  ['a plugin that throws when it is loaded', [...run, '--plugin', throwing], 1, 'HV_ERR_PLUGIN_INVALID', /broken at once/],
  ['a plugin that throws when it is applied', [...run, '--plugin', applying], 1, 'HV_ERR_PLUGIN_FAILED', /broken in apply/],
  ['a plugin on a port that is taken', [...run, '--plugin', 'dev-debug-exit,port=0x3f8'], 1, 'HV_ERR_BUS_OVERLAP', /dev-debug-exit.*0x3f8/],
  [
    'a plugin file that cannot be written',
    [...run, '--plugin', 'dev-debug-console,file=/no/such/file'],
    1,
    'HV_ERR_FILE_WRITE',
    /dev-debug-console: cannot write/,
  ],
  ['an unknown guest', ['boot', 'beos'], 2, 'HV_ERR_CLI_OPTION', /"beos".*debian-amd64, debian-i386, small/],
];

describe('bad input', () => {
  it.each(cases)('%s gives one line and no stack trace', async (_title, words, exitCode, code, line) => {
    const result = await runXm(words);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toMatch(line);
    expect(result.stderr).toMatch(new RegExp(`^xm: [^\n]*\\(${code}\\)\n$`));
  });

  it('a cache directory that cannot be made gives one line', async () => {
    const { exitCode, stderr } = await runXm(['run'], { env: { XDG_CACHE_HOME: text } });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^xm: the cache directory .* cannot be written; set XDG_CACHE_HOME.*\(HV_ERR_IMAGE_CACHE\)\n$/);
  });

  it('a Node.js that is too old gives one line with the remedy', async () => {
    const older = scratch.file('older.mjs', "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.10.0' } });");
    const { exitCode, stderr } = await runXm(['run'], { env: { NODE_OPTIONS: `--import=${older}` } });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^xm: Node.js 24.10.0 is too old: 24.11 or later is needed; install it [^\n]*\n$/);
  });

  it('shows where an error comes from only with --debug', async () => {
    const { stderr } = await runXm(['run', '--kernel', '/no/such', '--debug']);
    expect(stderr).toMatch(/^xm: cannot read the kernel[^\n]*\n.*\n\s+at /);
  });

  it('no verb gives the list of verbs and 2', async () => {
    const { exitCode, stderr } = await runXm([]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Usage: xm');
  });
});
