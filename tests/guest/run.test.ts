import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Code, echo, flood, halt, out8, powerOff, print, reset, spin, tinyGuest, tripleFault } from '../support/tiny-guest.ts';
import { collectXm, runXm, Scratch, startXm } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const guest = (name: string, ...code: Code[]): string => scratch.file(`${name}.elf`, tinyGuest(...code));
const run = (kernel: string, ...words: string[]) => runXm(['run', '--kernel', kernel, '--memory', '16', '--timeout', '60', ...words]);

describe('xm run', () => {
  it('gives 0 when the guest powers off, with its console and nothing else on the standard output', async () => {
    const result = await run(guest('off', print('hello\r\n'), powerOff));
    expect(result).toEqual({ exitCode: 0, stdout: 'hello\r\n', stderr: '' });
  });

  it('gives 0 as soon as the console matches what is expected', async () => {
    const { exitCode, stdout, stderr } = await run(guest('expect', print('one\r\ntwo 42\r\n'), spin), '--expect', '^two \\d+$');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('two 42');
  });

  it('gives 1 when the guest ends before the console matches', async () => {
    const { exitCode, stderr } = await run(guest('unmatched', print('one'), powerOff), '--expect', 'two');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^xm: the guest ended, and its console never matched \/two\/; .*\(HV_ERR_EXPECT_UNMATCHED\)\n$/);
  });

  it('gives 124 when the time is over, also when the guest spins', async () => {
    const { exitCode, stdout, stderr } = await run(guest('spin', print('x'), spin), '--timeout', '1.5');
    expect({ exitCode, stdout }).toEqual({ exitCode: 124, stdout: 'x' });
    expect(stderr).toBe('xm: the time of 1.5 s is over, so the guest was stopped\n');
  });

  it('reports a triple fault with reason, registers and blocks, and gives 3', async () => {
    const { exitCode, stdout, stderr } = await run(guest('triple', print('bye'), tripleFault));
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: 'bye' });
    expect(stderr).toMatch(/triple fault after \d+ instructions: #GP, #GP while that was delivered, and #GP while the double fault was delivered/);
    for (const part of ['RAX ', 'RIP 00000000001', 'CR0 ', 'IDTR base', 'code at RIP: cc', 'last blocks']) expect(stderr).toContain(part);
  });

  it('reports a guest that halted for good, and gives 3', async () => {
    const { exitCode, stderr } = await run(guest('halt', halt));
    expect(exitCode).toBe(3);
    expect(stderr).toContain('halted with interrupts off');
  });

  it('starts the guest again when it resets itself', async () => {
    // Memory does not outlive a reset, so the guest cannot count: it resets until the time is over.
    const { exitCode, stdout, stderr } = await run(guest('reset', print('up '), reset), '--expect', '(up ){3}');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('up up up');
    expect(stderr).toContain('xm: the guest restarts');
  });

  it('hands its standard input to the guest, also after its end', async () => {
    const kernel = guest('echo', print('>'), echo);
    const { exitCode, stdout } = await runXm(['run', '--kernel', kernel, '--memory', '16', '--timeout', '60', '--expect', 'last'], {
      input: `${'a'.repeat(2000)}last`,
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `>${'a'.repeat(2000)}last` });
  });

  it('carries 10 MB of output without loss', async () => {
    const { exitCode, stdout } = await run(guest('flood', flood(655_360), powerOff));
    expect({ exitCode, bytes: stdout.length }).toEqual({ exitCode: 0, bytes: 10_485_760 });
  });

  it('writes statistics that count the instructions', async () => {
    const path = join(scratch.path, 'stats.json');
    const { exitCode } = await run(guest('stats', flood(100), powerOff), '--stats', path, '--clock', 'instructions');
    expect(exitCode).toBe(0);
    const stats: unknown = JSON.parse(readFileSync(path, 'utf8'));
    expect(stats).toMatchObject({ engine: 'auto', clock: 'instructions', slices: { 'power-off': 1 }, memory: { guestBytes: 16 * 2 ** 20 } });
    // 3 before the loop, 18 per turn, 3 to power off
    expect(stats).toHaveProperty('instructions', 1806);
  });

  it('starts a firmware at its reset vector and keeps it from being overwritten', async () => {
    const rom = new Uint8Array(0x10000);
    // mov word [F000:0100], 0; jump back to print the byte there, in 16-bit code
    const code = [0xb8, 0x00, 0xf0, 0x8e, 0xd8, 0xc6, 0x06, 0x00, 0x01, 0x00, 0xa0, 0x00, 0x01, 0xba, 0xf8, 0x03, 0xee, 0xf4];
    rom.set(code, 0x1000);
    rom[0x100] = 0x52;
    rom.set([0xea, 0x00, 0x10, 0x00, 0xf0], 0xfff0);
    const result = await runXm(['run', '--firmware', scratch.file('rom.bin', rom), '--memory', '16', '--timeout', '60', '--expect', 'R']);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'R' });
  });

  it('gives 1 and one line when nobody reads its output', async () => {
    const child = startXm(['run', '--kernel', guest('closed', flood(1_000_000), powerOff), '--timeout', '60']);
    const result = collectXm(child);
    child.stdout.once('data', () => child.stdout.destroy());
    const { exitCode, stderr } = await result;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^xm: the standard output was closed.*\(HV_ERR_OUTPUT_CLOSED\)\n$/);
  });

  it('ends at its time though its reader has stopped reading', async () => {
    const child = startXm(['run', '--kernel', guest('stalled', flood(10_000_000), powerOff), '--timeout', '2']);
    expect((await collectXm(child)).exitCode).toBe(124);
  });
});

describe('plugins of xm run', () => {
  it('dev-debug-exit ends the run with (V << 1) | 1, after the output', async () => {
    const kernel = guest('exit', print('out'), out8(0xf4, 0x10), print('not any more'), spin);
    expect(await run(kernel, '--plugin', 'dev-debug-exit')).toMatchObject({ exitCode: 33, stdout: 'out', stderr: '' });
  });

  it('dev-debug-exit listens where it is told', async () => {
    const kernel = guest('exit-port', out8(0xf4, 1), out8(0x502, 2), spin);
    expect(await run(kernel, '--plugin', 'dev-debug-exit,port=0x501,width=2')).toMatchObject({ exitCode: 5 });
  });

  it('dev-debug-console writes to the standard output, in order with the console', async () => {
    const kernel = guest('debugcon', print('a'), out8(0xe9, 0x62), print('c'), powerOff);
    expect(await run(kernel, '--plugin', 'dev-debug-console')).toMatchObject({ exitCode: 0, stdout: 'abc' });
  });

  it('dev-debug-console writes hex numbers to a file', async () => {
    const path = join(scratch.path, 'debug.log');
    const kernel = guest('debugcon-hex', out8(0xe9, 0x07), out8(0xe9, 0xfe), powerOff);
    expect(await run(kernel, '--plugin', `dev-debug-console,hex,file=${path}`)).toMatchObject({ exitCode: 0, stdout: '' });
    expect(readFileSync(path, 'latin1')).toBe('07\nfe\n');
  });

  it('that throw are named with the hook and disabled, the guest goes on, and the run gives 1', async () => {
    const plugin = scratch.file(
      'throws.mjs',
      `export const plugin = { name: 'dev-throws', apiVersion: 1, options: {}, applyPcpu({ hooks }) {
      hooks.platformCreated.tap('dev-throws', ({ ports }) => { ports.map(0xf4, 1, { read: () => 0, write() { throw new Error('no'); } }); });
    } };`,
    );
    const { exitCode, stdout, stderr } = await run(guest('throws', out8(0xf4, 1), out8(0xf4, 2), print('on'), powerOff), '--plugin', plugin);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: 'on' });
    expect(stderr).toBe('xm: the plugin dev-throws failed in a write of port 0xf4 and is disabled: no (HV_ERR_PLUGIN_FAILED)\n');
  });

  it('are refused when they use more than they declare', async () => {
    const plugin = scratch.file('sneaky.mts', `import { writeFileSync } from 'node:fs';\nexport const plugin = { name: 'p', apiVersion: 1, options: {} };`);
    const { exitCode, stdout, stderr } = await run(guest('sneaky', powerOff), '--plugin', plugin);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(
      /^xm: the plugin \S+sneaky\.mts imports node:fs in \S+sneaky\.mts:1:1, and does not declare the capability files; do without, .*: \['files'\] \(HV_ERR_PLUGIN_CAPABILITY\)\n$/,
    );
  });

  it('see the start and the end of the hypervisor', async () => {
    const plugin = scratch.file(
      'watch.mjs',
      `export const plugin = { name: 'dev-watch', apiVersion: 1, capabilities: ['process'], options: {}, apply({ hooks }) {
      hooks.booted.tap('dev-watch', () => process.stderr.write('booted\\n'));
      hooks.shutdown.tap('dev-watch', ({ reason, exitCode }) => process.stderr.write(reason + ' ' + exitCode + '\\n'));
    } };`,
    );
    const { stderr } = await run(guest('watch', powerOff), '--plugin', plugin);
    expect(stderr).toBe('booted\npower-off 0\n');
  });
});

describe('xm run --trace', () => {
  it('writes the same trace twice with the instruction clock', async () => {
    const small = join(import.meta.dirname, '../../runtime/image/fallback/guest.elf');
    const paths = ['a', 'b'].map((name) => join(scratch.path, `${name}.trace`));
    const words = ['run', '--kernel', small, '--memory', '16', '--timeout', '120', '--clock', 'instructions', '--expect', 'ready'];
    for (const path of paths) expect(await runXm([...words, '--trace', path])).toMatchObject({ exitCode: 0 });
    const [a = '', b = ''] = paths.map((path) => readFileSync(path, 'latin1'));
    const length = Math.min(a.length, b.length);
    expect(length).toBeGreaterThan(1_000_000);
    // The end is where the awaited words reached the main thread; up to there nothing may differ.
    expect(a.slice(0, length) === b.slice(0, length)).toBe(true);
    expect(a).toMatch(/^N=0 RIP=[0-9a-f]{16} EFL=[0-9a-f]{8} CPL=0 RAX=000000002badb002 RBX=/);
  });
});

describe('xm boot small', () => {
  it('boots our own guest, which takes commands and powers off', async () => {
    const { exitCode, stdout, stderr } = await runXm(['boot', 'small', '--memory', '32', '--timeout', '60'], { input: 'primes 1000\rpoweroff\r' });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('168 primes up to 1000');
  });

  it('boots in place of Debian where there is no apt, and says how to get Linux', async () => {
    const env = { PATH: scratch.path, XDG_CACHE_HOME: scratch.path };
    const { exitCode, stdout, stderr } = await runXm(['boot', '--timeout', '60', '--expect', 'ready'], { env });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('small guest');
    expect(stderr).toMatch(/^xm: no Linux here, a small guest starts in its place: .*; .*\(HV_ERR_IMAGE_APT_MISSING\)\n$/m);
    expect(existsSync(join(scratch.path, 'xylem/debian-amd64'))).toBe(false);
  });
});
