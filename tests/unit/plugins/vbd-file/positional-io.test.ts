import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transferParts, type VectoredCall } from '../../../../plugins/vbd-file/positional-io.ts';

/** A host that reads from an array, and does at most so many bytes at once. */
function miserly(file: Uint8Array, steps: readonly number[]): VectoredCall {
  let call = 0;
  return (_fd, parts, position, done) => {
    let left = Math.min(steps[call++ % steps.length] ?? 1, Math.max(0, file.length - position));
    let moved = 0;
    for (const part of parts) {
      const here = Math.min(left, part.length);
      part.set(file.subarray(position + moved, position + moved + here));
      moved += here;
      left -= here;
    }
    done(null, moved);
  };
}

describe('moving parts', () => {
  const file = Uint8Array.from({ length: 2000 }, (_, i) => (i * 7) % 256);

  it('goes on where the host has stopped', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 });
    const steps = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(sizes, steps, fc.integer({ min: 0, max: 500 }), async (lengths, most, offset) => {
        const parts = lengths.map((length) => new Uint8Array(length));
        await transferParts(miserly(file, most), 'read', { fd: 0, offset, parts });
        const whole = Buffer.concat(parts);
        expect(Buffer.compare(whole, file.subarray(offset, offset + whole.length))).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('fails when the host does nothing any more', async () => {
    const parts = [new Uint8Array(100), new Uint8Array(100)];
    await expect(transferParts(miserly(file, [60]), 'read', { fd: 0, offset: 1880, parts })).rejects.toThrow('only 120 of 200 bytes could be read at 1880');
  });

  it('fails with the error of the host', async () => {
    const call: VectoredCall = (_fd, _parts, _position, done) => done(new Error('ENOSPC'), 0);
    await expect(transferParts(call, 'written', { fd: 0, offset: 0, parts: [new Uint8Array(1)] })).rejects.toThrow('ENOSPC');
  });
});
