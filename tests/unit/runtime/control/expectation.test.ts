import { describe, expect, it } from 'vitest';
import { Expectation } from '../../../../runtime/control/expectation.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('Expectation', () => {
  it('finds a match that arrives in pieces', () => {
    const expectation = new Expectation(/ready\./);
    expect([...'so ready.'].map((letter) => expectation.see(bytes(letter))).indexOf(true)).toBe(8);
  });

  it('takes the carriage return off the end of lines', () => {
    expect(new Expectation(/^done$/m).see(bytes('a\r\ndone\r\nb'))).toBe(true);
  });

  it('understands characters that are cut in two', () => {
    const expectation = new Expectation(/ü/);
    expect([expectation.see(Uint8Array.of(0xc3)), expectation.see(Uint8Array.of(0xbc))]).toEqual([false, true]);
  });

  it('stays met', () => {
    const expectation = new Expectation(/a/);
    expectation.see(bytes('a'));
    expect(expectation.see(bytes('b'))).toBe(true);
  });

  it('forgets what is too old to be part of a match', () => {
    const expectation = new Expectation(/start[\s\S]*end/);
    expectation.see(bytes('start'));
    expectation.see(bytes('x'.repeat(10_000)));
    expect(expectation.see(bytes('end'))).toBe(false);
  });
});
