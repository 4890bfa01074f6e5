import { describe, expect, it } from 'vitest';
import { ConsoleRing } from '../../../../runtime/domain/console-ring.ts';

const OUT_CONS = 0xc08;
const OUT_PROD = 0xc0c;
const IN_CONS = 0xc00;
const IN_PROD = 0xc04;

function consolePage() {
  const page = new Uint8Array(new SharedArrayBuffer(4096));
  const view = new DataView(page.buffer);
  const written: number[] = [];
  let notified = 0;
  const ring = new ConsoleRing(page, { write: (byte) => written.push(byte), notify: () => void notified++ });
  return { page, view, ring, written, notified: () => notified };
}

describe('console ring', () => {
  it('takes output across the end of the ring and of the counters, and says so', () => {
    const { page, view, ring, written, notified } = consolePage();
    const start = 0xffff_fffe;
    view.setUint32(OUT_CONS, start, true);
    [1, 2, 3, 4].forEach((byte, i) => {
      page[0x400 + ((start + i) % 2048)] = byte;
    });
    view.setUint32(OUT_PROD, 2, true);
    ring.drain();
    expect(written).toEqual([1, 2, 3, 4]);
    expect([view.getUint32(OUT_CONS, true), notified()]).toEqual([2, 1]);
    ring.drain();
    expect([written.length, notified()]).toEqual([4, 1]);
  });

  it('takes an index that makes no sense for an empty ring', () => {
    const { view, ring, written } = consolePage();
    view.setUint32(OUT_PROD, 2049, true);
    ring.drain();
    expect(written).toEqual([]);
  });

  it('gives input as far as there is room', () => {
    const { page, view, ring, notified } = consolePage();
    expect(ring.room).toBe(1024);
    ring.send(Uint8Array.of(7, 8));
    expect([page[0], page[1], view.getUint32(IN_PROD, true), notified(), ring.room]).toEqual([7, 8, 2, 1, 1022]);
    view.setUint32(IN_CONS, 5000, true);
    expect(ring.room).toBe(0);
  });
});
