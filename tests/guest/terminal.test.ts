import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { echo, print, tinyGuest, tripleFault } from '../support/tiny-guest.ts';
import { Scratch, XM } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const hasScript = spawnSync('script', ['--version']).status === 0;

/** What a pseudo-terminal showed, and its settings before and after. */
interface Session {
  readonly screen: string;
  readonly before: string;
  readonly after: string;
}

/** Runs `xm run` on a pseudo-terminal of util-linux's `script`; the first of `keys` is typed when the guest has said `>`, each other one when it has echoed the one before. */
function onTerminal(name: string, kernel: string, keys: readonly string[], after = ''): Promise<Session> {
  const file = (what: string): string => join(scratch.path, `${name}.${what}`);
  const xm = [...XM, 'run', '--memory', '16', '--timeout', '60', '--kernel', kernel].map((word) => `'${word}'`).join(' ');
  const commands = `stty -a > '${file('before')}'; ${xm} ${after}; echo "exit code $?"; stty -a > '${file('after')}'`;
  const child = spawn('script', ['-qec', commands, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let screen = '';
  let awaited = '>';
  let next = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    const typed = keys[next];
    if (typed === undefined || !screen.endsWith(awaited)) return;
    awaited = typed;
    next += 1;
    child.stdin.write(typed);
  });
  return new Promise((resolve) => {
    child.on('close', () => resolve({ screen, before: readFileSync(file('before'), 'utf8'), after: readFileSync(file('after'), 'utf8') }));
  });
}

describe.skipIf(!hasScript)("the operator's terminal (needs script of util-linux)", () => {
  const kernel = scratch.file('echo.elf', tinyGuest(print('>'), echo));

  it('passes Ctrl-C to the guest, leaves with Ctrl-], and is as it was before', async () => {
    const { screen, before, after } = await onTerminal('keys', kernel, ['abc', '\x03', 'def', '\x1d']);
    expect(screen).toContain('Ctrl-] leaves');
    expect(screen).toContain('>abc\x03def');
    expect(screen).toContain('exit code 0');
    expect(after).toBe(before);
    expect(screen).not.toContain('\x1b]'); // no title was set
  });

  it('is restored when a signal ends the run', async () => {
    const { screen, before, after } = await onTerminal('signal', kernel, ['x'], '</dev/tty & sleep 3; kill -TERM $!; wait $!');
    expect(screen).toContain('Ctrl-] leaves');
    expect(screen).toContain('exit code 143');
    expect(after).toBe(before);
  });

  it('is restored when the guest crashes', async () => {
    const { screen, before, after } = await onTerminal('crash', scratch.file('crash.elf', tinyGuest(print('>'), tripleFault)), []);
    expect(screen).toContain('exit code 3');
    expect(after).toBe(before);
  });

  it('gets back what the guest has changed on it', async () => {
    const changing = scratch.file('modes.elf', tinyGuest(print('\x1b[?1049h\x1b[?25l\x1b[31m>'), echo));
    const { screen } = await onTerminal('modes', changing, ['\x1d']);
    expect(screen.slice(screen.indexOf('>'))).toContain('\x1b[?1049l\x1b[?25h\x1b[0m');
  });
});
