import { describe, expect, it } from 'vitest';
import { XenStore, XenStoreRing, XsMessage } from '../../../../runtime/xenstore/index.ts';
import { encodeMessage } from '../../../../runtime/xenstore/wire/xs-bytes.ts';

/** The guest's side of a page: what Linux's xenbus does with it. */
class GuestPage {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer = new SharedArrayBuffer(8192), offset = 4096) {
    this.bytes = new Uint8Array(buffer, offset, 4096);
    this.view = new DataView(buffer, offset, 4096);
  }

  word(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  set(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }

  /** Writes as much as there is room for; returns how much. */
  send(message: Uint8Array): number {
    const [cons, prod] = [this.word(2048), this.word(2052)];
    const length = Math.min(message.length, 1024 - ((prod - cons) >>> 0));
    for (let i = 0; i < length; i++) this.bytes[(prod + i) % 1024] = message[i]!;
    this.set(2052, prod + length);
    return length;
  }

  /** Takes what is there. */
  take(): number[] {
    const [cons, prod] = [this.word(2056), this.word(2060)];
    const taken: number[] = [];
    for (let i = 0; i < (prod - cons) >>> 0; i++) taken.push(this.bytes[1024 + ((cons + i) % 1024)]!);
    this.set(2056, prod);
    return taken;
  }
}

function setUp(start = 0) {
  const store = new XenStore({ now: () => 0 });
  store.session().write('/local/domain/1/name', 'guest');
  store.addDomain(1);
  store.session().setPermissions('/local/domain/1', 'n1');
  store.session().setPermissions('/local/domain/1/name', 'n1');
  const page = new GuestPage();
  for (const offset of [2048, 2052, 2056, 2060]) page.set(offset, start);
  const connection = store.introduceDomain(1);
  let events = 0;
  const ring = new XenStoreRing(page.view, connection, () => events++);
  return { store, page, connection, ring, events: () => events };
}

const text = (bytes: readonly number[]): string => String.fromCharCode(...bytes.slice(16));

describe('XenStoreRing', () => {
  it('offers its features on a page of the layout of the public header', () => {
    const { page, connection } = setUp();
    expect(page.word(2064)).toBe(7);
    expect(page.word(2072)).toBe(0);
    expect(connection.features).toBe(7);
  });

  it('touches no more than the structure, 2080 bytes in the recorded headers, of which the last word is not its own', () => {
    const store = new XenStore();
    const buffer = new ArrayBuffer(2080);
    new Uint8Array(buffer, 2076).fill(0xaa);
    const ring = new XenStoreRing(new DataView(buffer), store.introduceDomain(1), () => undefined);
    new Uint32Array(buffer, 2048, 7).fill(0xffff_ffff);
    ring.pump();
    ring.restart();
    expect([...new Uint8Array(buffer, 2076)]).toEqual([0xaa, 0xaa, 0xaa, 0xaa]);
  });

  it('answers a request and signals once', () => {
    const { page, ring, events } = setUp();
    page.send(encodeMessage(XsMessage.XS_READ, 9, 0, 'name\0'));
    expect(ring.pump()).toBe(false);
    expect(text(page.take())).toBe('guest');
    expect(events()).toBe(1);
    ring.pump();
    expect(events()).toBe(1);
  });

  it.each([0, 1000, 0xffff_fe00, 0xffff_ffff])('carries more than a ring, with indices that begin at %i', (start) => {
    const { page, ring } = setUp(start);
    const value = 'v'.repeat(1990);
    const request = encodeMessage(XsMessage.XS_WRITE, 1, 0, `name\0${value}`);
    for (let sent = 0; sent < request.length; ) {
      sent += page.send(request.subarray(sent));
      ring.pump();
    }
    expect(text(page.take())).toBe('OK\0');
    page.send(encodeMessage(XsMessage.XS_READ, 2, 0, 'name\0'));
    const reply: number[] = [];
    for (let i = 0; i < 5; i++) {
      ring.pump();
      reply.push(...page.take());
    }
    expect(text(reply)).toBe(value);
  });

  it('may be pumped by the connection itself', () => {
    const { page, ring, connection, store } = setUp();
    connection.onReady = () => ring.pump();
    for (let i = 0; i < 30; i++) page.send(encodeMessage(XsMessage.XS_WATCH, i, 0, `name\0t${i}\0`));
    ring.pump();
    let bytes: number[] = [];
    for (let i = 0; i < 20; i++) {
      bytes = [...bytes, ...page.take()];
      ring.pump();
    }
    expect(String.fromCharCode(...bytes).match(/OK/g)).toHaveLength(30);
    store.session().write('/local/domain/1/name', 'x');
    expect(String.fromCharCode(...page.take()).match(/name/g)?.length).toBeGreaterThan(10);
  });

  it.each([
    ['req_prod too far', 2052, 1025],
    ['req_prod behind', 2052, 0xffff_ffff],
    ["the store's own req_cons", 2048, 4],
    ['rsp_cons ahead', 2056, 1],
    ['rsp_cons far behind', 2056, 0xffff_f000],
    ["the store's own rsp_prod", 2060, 8],
  ])('ends the connection for %s, and begins anew when it is asked to', (_what, offset, value) => {
    const { page, ring, connection } = setUp();
    page.send(encodeMessage(XsMessage.XS_WATCH, 1, 0, 'name\0t\0'));
    page.set(offset, value);
    ring.pump();
    expect(ring.isBroken).toBe(true);
    expect(connection.error).toBe(2);
    expect(page.word(2072)).toBe(2);
    expect(connection.domain.watches).toBe(0);
    expect(ring.pump()).toBe(false);
    page.set(2068, 1);
    ring.pump();
    expect([2048, 2052, 2056, 2060, 2068, 2072].map((at) => page.word(at))).toEqual([0, 0, 0, 0, 0, 0]);
    page.send(encodeMessage(XsMessage.XS_READ, 9, 0, 'name\0'));
    ring.pump();
    expect(text(page.take())).toBe('guest');
  });

  it('reports a message that is too long', () => {
    const { page, ring } = setUp();
    const message = encodeMessage(XsMessage.XS_READ, 1, 0, '');
    new DataView(message.buffer).setUint32(12, 0xffff_ffff, true);
    page.send(message);
    ring.pump();
    expect(page.word(2072)).toBe(3);
  });

  it('does nothing for a domain that is gone', () => {
    const { page, ring, store, connection } = setUp();
    let closed = 0;
    connection.onClosed = () => closed++;
    store.releaseDomain(1);
    page.send(encodeMessage(XsMessage.XS_READ, 1, 0, 'name\0'));
    expect(ring.pump()).toBe(false);
    expect(page.take()).toEqual([]);
    expect(closed).toBe(1);
  });

  it('begins anew when the domain is introduced again', () => {
    const { page, ring, store, connection } = setUp();
    page.send(encodeMessage(XsMessage.XS_WATCH, 1, 0, 'name\0t\0'));
    ring.pump();
    expect(store.introduceDomain(1)).toBe(connection);
    ring.restart();
    expect(page.word(2060)).toBe(0);
    expect(connection.domain).toMatchObject({ watches: 0, outstanding: 0 });
    page.send(encodeMessage(XsMessage.XS_READ, 9, 0, 'name\0'));
    ring.pump();
    expect(text(page.take())).toBe('guest');
  });
});
