import { describe, expect, it } from 'vitest';
import { TerminalModes } from '../../../../runtime/control/terminal-modes.ts';

function undoOf(...pieces: string[]): string {
  const modes = new TerminalModes();
  for (const piece of pieces) modes.watch(new TextEncoder().encode(piece));
  return modes.undo();
}

describe('TerminalModes', () => {
  it.each([
    ['plain text', ''],
    ['\x1b[31mred\x1b[0m', ''],
    ['\x1b[31mred', '\x1b[0m'],
    ['\x1b[?25l', '\x1b[?25h'],
    ['\x1b[?25l\x1b[?25h', ''],
    ['\x1b[?1049h\x1b[?1;2004h', '\x1b[?1049l\x1b[?1l\x1b[?2004l'],
    ['\x1b=', '\x1b>'],
    ['\x1b(0', '\x1b(B'],
    ['\x1b[?1049h\x1b[31m\x1bc', ''],
  ])('after %j undoes %j', (output, undo) => expect(undoOf(output)).toBe(undo));

  it('sees sequences that arrive in pieces', () => {
    expect(undoOf('abc\x1b', '[?10', '49h', 'def')).toBe('\x1b[?1049l');
  });

  it('looks at plain output quickly', () => {
    const modes = new TerminalModes();
    const page = new Uint8Array(65536).fill(0x61);
    const start = performance.now();
    for (let i = 0; i < 160; i++) modes.watch(page);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
