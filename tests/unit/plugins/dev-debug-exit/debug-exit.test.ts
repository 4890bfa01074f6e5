import { describe, expect, it, vi } from 'vitest';
import { createDebugExit } from '../../../../plugins/dev-debug-exit/debug-exit.ts';

describe('dev-debug-exit', () => {
  it.each([
    [0, 1],
    [1, 3],
    [0x10, 33],
    [0x7fffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
  ])('a write of %i ends with %i', (value, code) => {
    const exit = vi.fn();
    createDebugExit(exit).write(0, 4, value);
    expect(exit).toHaveBeenCalledWith(code);
  });

  it('reads give 0', () => expect(createDebugExit(() => {}).read(0, 1)).toBe(0));
});
