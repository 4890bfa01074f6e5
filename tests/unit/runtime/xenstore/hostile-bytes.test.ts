import { describe, expect, it } from 'vitest';
import { type XenStore, XenStoreRing, type XenStoreConnection } from '../../../../runtime/xenstore/index.ts';
import { encodeMessage } from '../../../../runtime/xenstore/wire/xs-bytes.ts';
import { setUp } from './store-fixture.ts';

const SECONDS = Number(process.env['XENSTORE_FUZZ_SECONDS'] ?? 1);

/** Numbers that come again for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PARTS = [
  'data',
  'name',
  'x',
  '..',
  '@',
  '',
  ' ',
  '\0',
  'a'.repeat(300),
  '\xff',
  'data/x',
  '/local/domain/2/data',
  '/',
  '@releaseDomain',
  'T',
  'F',
  '0',
  '65535',
  'n1',
  'r2',
  'b0',
  '-1',
  '1e9',
];

/** A message that may make sense, or nearly. */
function message(random: (below: number) => number): Uint8Array {
  const payload = Array.from({ length: random(5) }, () => PARTS[random(PARTS.length)]! + (random(4) === 0 ? '' : '\0')).join(random(6) === 0 ? '/' : '');
  const bytes = encodeMessage(random(29), random(2 ** 32), random(3) === 0 ? random(16) : 0, payload.slice(0, 4096));
  if (random(40) === 0) bytes[random(bytes.length)] = random(256);
  return bytes;
}

/** What must hold of every domain whatever its guest did. */
function expectBounded(store: XenStore): void {
  for (const domain of store.core.domains.all()) {
    if (domain.privileged) continue;
    expect(domain.memory).toBeLessThan(domain.quotas.memory + 10_000);
    expect(Math.min(domain.memory, domain.nodes, domain.watches, domain.transactions, domain.outstanding)).toBeGreaterThanOrEqual(0);
    expect(domain.nodes).toBeLessThanOrEqual(domain.quotas.nodes + 10);
    expect(domain.watches).toBeLessThanOrEqual(129);
    expect(domain.transactions).toBeLessThanOrEqual(11);
    expect(domain.outstanding).toBeLessThanOrEqual(21);
  }
}

/** Gives a connection what it takes of some bytes; begins anew when it is broken. */
function feed(connection: XenStoreConnection, bytes: Uint8Array, piece: number): void {
  for (let used = 0; used < bytes.length; ) {
    const taken = connection.receive(bytes.subarray(used, used + piece));
    if (taken === 0) break;
    used += taken;
  }
  if (connection.error !== 0) connection.reset();
}

describe('a hostile guest', () => {
  it('that sends any bytes neither throws nor grows, and leaves the other domain alone', () => {
    const { store, one, two, dom0 } = setUp({ quotas: { memory: 200_000 } });
    // Meets where the other does not look.
    two.write('data/mine', 'untouched');
    const random = randomFrom(7);
    const sink = new Uint8Array(5000);
    const end = performance.now() + SECONDS * 1000;
    let messages = 0;
    let slowest = 0;
    while (performance.now() < end) {
      for (let i = 0; i < 200; i++) {
        const bytes = random(50) === 0 ? Uint8Array.from({ length: random(64) }, () => random(256)) : message(random);
        feed(one.connection, bytes, 1 + random(40));
        if (random(3) > 0) while (one.connection.take(sink.subarray(0, 1 + random(5000))) > 0 && random(4) > 0);
        messages++;
      }
      expectBounded(store);
      const begin = performance.now();
      expect(two.read('data/mine')).toBe('untouched');
      slowest = Math.max(slowest, performance.now() - begin);
    }
    expect(messages).toBeGreaterThan(200);
    expect(slowest).toBeLessThan(50);
    store.releaseDomain(1);
    expect(one.connection.domain).toMatchObject({ nodes: 0, watches: 0, transactions: 0, outstanding: 0, memory: 0 });
    expect(dom0.list('/local/domain')).toContain('2');
    expect(store.core.table.history.size).toBe(0);
  });

  it('that writes anything into its page, also while it is served, breaks its own connection only', () => {
    const { store, two } = setUp();
    const page = new DataView(new SharedArrayBuffer(4096));
    const bytes = new Uint8Array(page.buffer);
    const connection = store.introduceDomain(5);
    const random = randomFrom(11);
    const scribble = (): void => {
      for (let i = random(4); i > 0; i--) page.setUint32(2048 + 4 * random(8), random(3) === 0 ? random(2 ** 32) : random(2048), true);
    };
    const ring = new XenStoreRing(page, connection, scribble);
    connection.onReady = () => {
      if (random(2) === 0) scribble();
      ring.pump();
    };
    const end = performance.now() + SECONDS * 1000;
    let rounds = 0;
    let broken = 0;
    while (performance.now() < end) {
      for (let i = 0; i < 200; i++) {
        const sent = message(random);
        const prod = page.getUint32(2052, true);
        for (let at = 0; at < Math.min(sent.length, 1024); at++) bytes[(prod + at) % 1024] = sent[at]!;
        page.setUint32(2052, prod + sent.length, true);
        page.setUint32(2056, page.getUint32(2060, true), true);
        if (random(20) === 0) scribble();
        ring.pump();
        if (ring.isBroken) broken++;
        if (ring.isBroken || random(500) === 0) page.setUint32(2068, 1, true);
        rounds++;
      }
      expectBounded(store);
      expect(two.read('name')).toBe('guest2');
    }
    expect(rounds).toBeGreaterThan(200);
    expect(broken).toBeGreaterThan(0);
    page.setUint32(2068, 1, true);
    connection.onReady = undefined;
    ring.pump();
    expect(connection.isClosed).toBe(false);
  });
});
