import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { XenStore, XsMessage } from '../../../../runtime/xenstore/index.ts';
import { NaiveStore } from './naive-store.ts';
import { WireClient } from './wire-client.ts';

const path = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const perms = fc.tuple(
  fc.constantFrom('n', 'r', 'w', 'b'),
  fc.constantFrom(0, 1, 2),
  fc.array(
    fc.tuple(fc.constantFrom('n', 'r', 'w', 'b'), fc.constantFrom(0, 1, 2)).map(([letter, domid]) => `${letter}${domid}`),
    { maxLength: 2 },
  ),
);

const step = fc.record({
  client: fc.constantFrom(0, 0, 1, 1, 2),
  type: fc.constantFrom(
    'read',
    'list',
    'perms',
    'write',
    'write',
    'write',
    'mkdir',
    'setPerms',
    'rm',
    'begin',
    'commit',
    'commit',
    'abort',
    'watch',
    'unwatch',
  ),
  path,
  value: fc.constantFrom('', '1', '2'),
  perms: perms.map(([letter, domid, others]) => [`${letter}${domid}`, ...others]),
  /** Which of the client's open transactions is meant; none for 0. */
  transaction: fc.nat(3),
});

const TYPES = {
  read: 'XS_READ',
  list: 'XS_DIRECTORY',
  perms: 'XS_GET_PERMS',
  write: 'XS_WRITE',
  mkdir: 'XS_MKDIR',
  setPerms: 'XS_SET_PERMS',
  rm: 'XS_RM',
} as const;

/** Runs the same steps through the store's wire protocol and the model, and compares every reply and event. */
function compare(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): void {
  const store = new XenStore({ now: () => 0 });
  const clients = [new WireClient(store.connectPrivileged()), new WireClient(store.introduceDomain(1)), new WireClient(store.introduceDomain(2))];
  const model = new NaiveStore();
  model.tree.get('/')!.children.push();
  const open: number[][] = [[], [], []];
  // Everyone may begin somewhere.
  for (const [type, rest] of [
    ['mkdir', ''],
    ['setPerms', 'b0,b1,r2'],
  ] as const) {
    expect(model.ask(0, type, '/a', rest, 0)).toBe('OK');
  }
  store.session().makeDirectory('/a');
  store.session().setPermissions('/a', 'b0', 'b1', 'r2');
  for (const { client, type, path: at, value, perms: entries, transaction } of steps) {
    const wire = clients[client]!;
    const mine = open[client]!;
    const tx = mine[transaction % (mine.length + 1)] ?? 0;
    let expected: string;
    let seen: string;
    switch (type) {
      case 'begin': {
        if (mine.length > 2) continue;
        const id = wire.begin();
        model.begin(client, id);
        mine.push(id);
        continue;
      }
      case 'commit':
      case 'abort':
        seen = wire.end(tx, type === 'commit' ? 'T' : 'F').replaceAll('\0', '');
        expected = model.end(client, tx, type === 'commit');
        if (tx !== 0) mine.splice(mine.indexOf(tx), 1);
        break;
      case 'watch':
        seen = wire.watch(at, value).replaceAll('\0', '');
        expected = model.watch(client, at, value);
        break;
      case 'unwatch':
        seen = wire.text('XS_UNWATCH', `${at}\0${value}\0`).replaceAll('\0', '');
        expected = model.unwatch(client, at, value);
        break;
      default: {
        const rest = type === 'write' ? value : type === 'setPerms' ? entries.map((entry) => `${entry}\0`).join('') : '';
        const reply = wire.ask(XsMessage[TYPES[type]], `${at}\0${rest}`, tx);
        const isValue = reply.type !== XsMessage.XS_ERROR && (type === 'read' || type === 'list' || type === 'perms');
        seen = isValue ? `=${type === 'read' ? reply.text : reply.text.split('\0').slice(0, -1).join()}` : reply.text.replaceAll('\0', '');
        expected = model.ask(client, type, at, type === 'setPerms' ? entries.join() : rest, tx);
        // Three nodes are there from the beginning, which the model leaves out.
      }
    }
    expect(`${type} ${at}: ${seen}`).toBe(`${type} ${at}: ${expected}`);
    expect(clients.map((each) => each.takeEvents())).toEqual(model.events.map((events) => events.splice(0)));
  }
  const session = store.session();
  for (const [at, node] of model.tree) {
    expect([at, session.read(at), session.permissions(at), session.list(at)]).toEqual([at, node.value, node.perms, node.children]);
  }
  // The two special nodes are not below the root.
  expect(store.core.table.size).toBe(model.tree.size + 2);
  for (const domain of store.core.domains.all()) {
    const owned = [...model.tree.values()].filter((node) => node.perms[0]!.slice(1) === `${domain.domid}`).length;
    expect(domain.nodes).toBe(owned + (domain.domid === 0 ? 2 : 0));
    expect(domain.transactions).toBe(open[domain.domid]!.length);
  }
  for (const client of clients) client.connection.reset();
  for (const domain of store.core.domains.all()) expect([domain.watches, domain.transactions, domain.outstanding]).toEqual([0, 0, 0]);
}

describe('random requests of several domains', () => {
  it('are answered as by a store that copies the tree for every transaction', () => {
    const runs = Number(process.env['XENSTORE_MODEL_RUNS'] ?? 150);
    fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), compare), { numRuns: runs });
  });
});
