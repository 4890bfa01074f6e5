import { describe, expect, it } from 'vitest';
import { createDebugConsole } from '../../../../plugins/dev-debug-console/debug-console.ts';

function written(hex: boolean, bytes: readonly number[]): number[] {
  const out: number[] = [];
  const device = createDebugConsole({ write: (byte) => void out.push(byte) }, hex);
  for (const byte of bytes) device.write(0, 1, byte);
  return out;
}

describe('dev-debug-console', () => {
  it('passes bytes on as they are', () => expect(written(false, [0, 65, 255])).toEqual([0, 65, 255]));

  it('writes hex numbers, one a line', () => {
    expect(String.fromCharCode(...written(true, [0, 0xa5]))).toBe('00\na5\n');
  });

  it('can be found by a read', () => expect(createDebugConsole({ write: () => {} }, false).read(0, 1)).toBe(0xe9));
});
