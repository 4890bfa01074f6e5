import { describe, expect, it } from 'vitest';
import { ByteRing } from '../../../../runtime/pcpu/byte-ring.ts';
import { ConsoleOutput } from '../../../../runtime/pcpu/console-output.ts';
import { Doorbell } from '../../../../runtime/pcpu/doorbell.ts';

describe('console output whose reader is slow', () => {
  it('waits for room, and shows that it is alive meanwhile', () => {
    const ring = ByteRing.allocate(16);
    const reader = new ByteRing(ring);
    let looks = 0;
    let told = 0;
    const output = new ConsoleOutput({
      ring: new ByteRing(ring),
      doorbell: new Doorbell(Doorbell.allocate()),
      told: new Int32Array(new SharedArrayBuffer(4)),
      tell: () => told++,
      waiting: () => {
        looks++;
        if (looks === 3) reader.read(4);
      },
    });
    for (let i = 0; i < 17; i++) output.write(i);
    output.flush();
    expect([looks, told]).toEqual([3, 1]);
    expect([...reader.read(100)]).toEqual(Array.from({ length: 13 }, (_, i) => i + 4));
  });
});
