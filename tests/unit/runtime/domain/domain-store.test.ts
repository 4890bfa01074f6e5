import { afterEach, describe, expect, it } from 'vitest';
import { allocateDomain, buildDomain, type BuiltDomain } from '../../../../runtime/domain/build-domain.ts';
import { DomainStore, type StoreLink } from '../../../../runtime/domain/domain-store.ts';
import { XsMessage } from '../../../../runtime/xenstore/index.ts';
import { pvhGuest } from '../../../support/pvh-guest.ts';

const REQ_PROD = 2052;
const RSP_PROD = 2060;
const HEADER = 16;

let kicked = 0;
const stores: DomainStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

/** A domain that was built and never runs, connected to a store. */
function connected(store = new DomainStore()) {
  if (!stores.includes(store)) stores.push(store);
  const handle = allocateDomain(1, 2, 4 << 20);
  const peers = { find: () => undefined, signal: () => undefined, closed: () => undefined };
  const built = buildDomain(handle, { kernel: pvhGuest([0xf4]), kernelName: 'guest', commandLine: '' }, { kick: () => void kicked++, peers });
  const news = { store: built.store, consolePort: built.console.port, consoleGfn: 0xfefff, name: 'guest', uuid: 'u-1' };
  return { store, built, link: store.connect(built.state, news) };
}

/** Sends a request as a guest does; the payload of the answer. */
function ask(link: StoreLink, { state, store: channel }: BuiltDomain, type: number, path: string): string {
  const { view, bytes } = state.ram;
  const at = channel.address;
  const payload = new TextEncoder().encode(`${path}\0`);
  const start = view.getUint32(at + REQ_PROD, true);
  const header = new Uint8Array(Uint32Array.of(type, 7, 0, payload.length).buffer);
  [...header, ...payload].forEach((byte, i) => {
    bytes[at + ((start + i) % 1024)] = byte;
  });
  const before = view.getUint32(at + RSP_PROD, true);
  view.setUint32(at + REQ_PROD, start + HEADER + payload.length, true);
  link.signalled();
  const end = view.getUint32(at + RSP_PROD, true);
  const answer = Uint8Array.from({ length: end - before }, (_, i) => bytes[at + 1024 + ((before + i) % 1024)] ?? 0);
  return new TextDecoder().decode(answer.subarray(HEADER));
}

describe('XenStore of a run', () => {
  it('serves the domain by its page and its port', () => {
    const { link, built } = connected();
    kicked = 0;
    expect(ask(link, built, XsMessage.XS_READ, 'domid')).toBe('1');
    expect(ask(link, built, XsMessage.XS_READ, 'memory/target')).toBe('4096');
    expect(ask(link, built, XsMessage.XS_DIRECTORY, 'cpu')).toBe('0\0' + '1\0');
    expect(ask(link, built, XsMessage.XS_READ, '/local/domain/1/console/port')).toBe('2');
    expect(built.state.events.isPending(built.store.port)).toBe(true);
    expect(kicked).toBe(1);
    expect(link.port).toBe(built.store.port);
  });

  it('begins anew with the domain that comes in the place of another', () => {
    const first = connected();
    first.store.store.session().write('/local/domain/1/left', 'over');
    first.link.disconnect();
    const { built, link } = connected(first.store);
    expect(ask(link, built, XsMessage.XS_READ, 'left')).toBe('ENOENT\0');
    expect(ask(link, built, XsMessage.XS_READ, 'name')).toBe('guest');
  });
});
