import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SendQueue } from '../../../../plugins/vif-user/tcp/send-queue.ts';

describe('a queue of bytes to be sent', () => {
  it('keeps what was written and not dropped, up to its capacity', () => {
    const step = fc.record({ write: fc.nat({ max: 6000 }), drop: fc.nat({ max: 6000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 20_000 }), (steps, capacity) => {
        const queue = new SendQueue(capacity);
        let model: number[] = [];
        let next = 0;
        for (const { write, drop } of steps) {
          const bytes = Uint8Array.from({ length: write }, (_, i) => (next + i) & 0xff);
          const taken = queue.write(bytes);
          expect(taken).toBe(Math.min(write, capacity - model.length));
          next += taken;
          model = [...model, ...bytes.subarray(0, taken)];
          const out = new Uint8Array(model.length + 2);
          queue.copyOut(0, model.length, out, 1);
          expect(Buffer.from(out.subarray(1, -1)).equals(Uint8Array.from(model))).toBe(true);
          const dropped = Math.min(drop, model.length);
          queue.drop(dropped);
          model = model.slice(dropped);
          expect([queue.length, queue.room]).toEqual([model.length, capacity - model.length]);
        }
        expect(() => queue.copyOut(0, model.length + 1, new Uint8Array(30_000), 0)).toThrow(RangeError);
      }),
      { numRuns: 50 },
    );
  });
});
