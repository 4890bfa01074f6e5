import { describe, expect, it } from 'vitest';
import { ByteRing } from '../../../../runtime/pcpu/byte-ring.ts';

const pair = (size: number) => {
  const memory = ByteRing.allocate(size);
  return { writer: new ByteRing(memory), reader: new ByteRing(memory) };
};

describe('ByteRing', () => {
  it('shows the reader only what was published', () => {
    const { writer, reader } = pair(8);
    writer.put(1);
    expect(reader.isEmpty).toBe(true);
    writer.publish();
    expect([...reader.read(10)]).toEqual([1]);
    expect(reader.isEmpty).toBe(true);
  });

  it('refuses bytes when it is full and takes them again when they were read', () => {
    const { writer, reader } = pair(4);
    expect(writer.write(Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe(4);
    expect([...reader.read(2)]).toEqual([1, 2]);
    expect(writer.write(Uint8Array.of(5, 6, 7))).toBe(2);
    expect([...reader.read(100)]).toEqual([3, 4, 5, 6]);
  });

  it('keeps the order over many turns, whatever the sizes of the pieces', () => {
    const { writer, reader } = pair(16);
    let written = 0;
    const seen: number[] = [];
    for (let i = 0; seen.length < 1000; i++) {
      const piece = Uint8Array.from({ length: (i % 7) + 1 }, (_, j) => (written + j) & 0xff);
      written += writer.write(piece);
      if (i % 3 !== 0) seen.push(...reader.read((i % 5) + 1));
    }
    expect(seen.every((byte, index) => byte === (index & 0xff))).toBe(true);
  });
});
