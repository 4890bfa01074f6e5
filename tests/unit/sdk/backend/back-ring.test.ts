import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BackRing, FakeGrants, type GuestPage, type RingLayout, ringEntries } from '#sdk';

const X86_32: RingLayout = { requestBytes: 108, responseBytes: 12 };
const X86_64: RingLayout = { requestBytes: 112, responseBytes: 16 };

function setUp(pages: number, layout: RingLayout, start = 0) {
  const grants = new FakeGrants(pages + 1);
  const mapped = Array.from({ length: pages }, () => grants.map(grants.grant(grants.allocatePage()), 'write') as GuestPage);
  const words = new Int32Array(grants.memory.buffer);
  // The pages are next to each other, as a guest sees its ring.
  const bytes = new DataView(grants.memory.buffer);
  words[0] = words[2] = start;
  const ring = new BackRing(mapped, layout);
  const slot = (index: number): number => 64 + (index & (ring.entries - 1)) * Math.max(layout.requestBytes, layout.responseBytes);
  return { ring, words, bytes, slot };
}

describe('a ring', () => {
  it('has as many entries as fit, rounded down to a power of two', () => {
    expect([1, 2, 4, 8, 16].map((pages) => ringEntries(pages, X86_64))).toEqual([32, 64, 128, 256, 512]);
    expect([1, 2, 4, 8, 16].map((pages) => ringEntries(pages, X86_32))).toEqual([32, 64, 128, 256, 512]);
    expect(ringEntries(1, { requestBytes: 12, responseBytes: 4 })).toBe(256);
    expect(ringEntries(1, { requestBytes: 8, responseBytes: 8 })).toBe(256);
  });

  it('asks for no event that the frontend did not ask for', () => {
    const { ring, words } = setUp(1, X86_64);
    words[0] = 3;
    words[3] = 2;
    for (let i = 0; i < 3; i++) ring.read();
    ring.respond();
    expect(ring.publish()).toBe(false);
    ring.respond();
    expect(ring.publish()).toBe(true);
    ring.respond();
    expect(ring.publish()).toBe(false);
    expect(words[2]).toBe(3);
    expect(ring.publish()).toBe(false);
  });

  it('asks for the next event, and sees what came before it could', () => {
    const { ring, words } = setUp(1, X86_64);
    expect(ring.rearm()).toBe(false);
    expect(words[1]).toBe(1);
    words[0] = 1;
    expect(ring.rearm()).toBe(true);
    ring.read();
    expect(ring.rearm()).toBe(false);
    expect(words[1]).toBe(2);
  });

  it('counts requests without a response against the room', () => {
    const { ring, words } = setUp(1, X86_64);
    words[0] = 32;
    for (let i = 0; i < 32; i++) ring.read();
    expect([ring.available(), ring.pending]).toEqual([0, 32]);
    words[0] = 33;
    expect(ring.available()).toBe(-1);
    ring.respond();
    expect(ring.available()).toBe(1);
  });

  it.each([33, 100, 0x7fff_ffff, -1, -2147483648])('calls the index %i impossible', (index) => {
    const { ring, words } = setUp(1, X86_64);
    words[0] = index;
    expect(ring.available()).toBe(-1);
    expect(ring.rearm()).toBe(true);
  });

  it('does not take back what it has read', () => {
    const { ring, words } = setUp(1, X86_64);
    words[0] = 5;
    for (let i = 0; i < 5; i++) ring.read();
    words[0] = 4;
    expect(ring.available()).toBe(-1);
  });

  it('answers no more than was asked', () => {
    const { ring } = setUp(1, X86_64);
    expect(() => ring.respond()).toThrow('without a request');
  });

  it('copies a request once: later changes of the page are not seen', () => {
    const { ring, words, bytes, slot } = setUp(1, X86_64);
    bytes.setUint32(slot(0) + 8, 0x1234, true);
    words[0] = 1;
    ring.read();
    bytes.setUint32(slot(0) + 8, 0x5678, true);
    expect(ring.request.getUint32(8, true)).toBe(0x1234);
  });

  it('carries whole requests and responses over page ends and the end of the indices', () => {
    const layouts = fc.constantFrom(X86_32, X86_64, { requestBytes: 12, responseBytes: 4 }, { requestBytes: 8, responseBytes: 8 });
    const starts = fc.oneof(fc.constant(0), fc.integer({ min: 0xffff_ff00, max: 0xffff_ffff }), fc.nat());
    const bursts = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 40 })), { maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4, 16), layouts, starts, bursts, (pages, layout, start, steps) => {
        const { ring, words, bytes, slot } = setUp(pages, layout, start | 0);
        const mark = (index: number, word: number): number => Math.imul(index + 1, 0x9e37_79b1) + word;
        let asked = start;
        let read = start;
        let answered = start;
        for (const [more, some] of steps) {
          for (let i = Math.min(more, ring.entries - ((asked - answered) >>> 0)); i > 0; i--) {
            for (let word = 0; word < layout.requestBytes / 4; word++) bytes.setInt32(slot(asked) + word * 4, mark(asked, word), true);
            asked = (asked + 1) >>> 0;
          }
          words[0] = asked | 0;
          expect(ring.available()).toBe((asked - read) >>> 0);
          for (; read !== asked; read = (read + 1) >>> 0) {
            ring.read();
            for (let word = 0; word < layout.requestBytes / 4; word++) expect(ring.request.getInt32(word * 4, true)).toBe(mark(read, word) | 0);
          }
          for (let i = Math.min(some, ring.pending); i > 0; i--) {
            for (let word = 0; word < layout.responseBytes / 4; word++) ring.response.setInt32(word * 4, mark(~answered, word), true);
            ring.respond();
            for (let word = 0; word < layout.responseBytes / 4; word++) expect(bytes.getInt32(slot(answered) + word * 4, true)).toBe(mark(~answered, word) | 0);
            answered = (answered + 1) >>> 0;
          }
          ring.publish();
          expect((words[2] ?? 0) >>> 0).toBe(answered);
        }
        expect(new Uint8Array(words.buffer).subarray(pages * 4096).every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
