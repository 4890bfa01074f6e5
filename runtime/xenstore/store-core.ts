import { DomainTable } from './tree/domain-table.ts';
import { LiveView } from './tree/live-view.ts';
import { NodeAccess, removeTree } from './tree/node-access.ts';
import { NodeTable } from './tree/node-table.ts';
import type { NodeView } from './tree/node-view.ts';
import type { XenStoreQuotas } from './tree/quota.ts';
import type { RequestTicket } from './tree/request-ticket.ts';
import { type EventSink, StoreClient } from './tree/store-client.ts';
import type { StoreDomain } from './tree/store-domain.ts';
import { ownerOf, type StoreNode } from './tree/store-node.ts';
import { childPath } from './tree/store-path.ts';
import { Transaction } from './tree/transaction.ts';
import { WatchTable } from './tree/watch-table.ts';
import { XenStoreError } from './tree/xenstore-error.ts';

/** Names that are watched, not stored below the root. */
export type SpecialName = '@introduceDomain' | '@releaseDomain';

/** Tree, watches, transactions and domains, without any way in. */
export class StoreCore {
  readonly domains: DomainTable;
  readonly table: NodeTable;
  readonly watches = new WatchTable();
  readonly #clients = new Set<StoreClient>();
  #clientOrder = 0;

  constructor(quotas: Partial<XenStoreQuotas>) {
    this.domains = new DomainTable(quotas);
    this.table = new NodeTable(this.domains);
    this.domains.add(0, 0).introduced = true;
    const node = { value: new Uint8Array(0), permissions: [{ domid: 0, access: 'n' }], children: [], childBytes: 0, generation: 0 } as const;
    for (const path of ['/', '@introduceDomain', '@releaseDomain']) this.table.put(path, node);
  }

  /** A domain that must be known. */
  domain(domid: number): StoreDomain {
    const domain = this.domains.get(domid);
    if (domain === undefined) throw new XenStoreError('ENOENT', `no domain ${domid}`);
    return domain;
  }

  addClient(domain: StoreDomain, sink: EventSink): StoreClient {
    const client = new StoreClient(domain, this.#clientOrder++, this.watches, sink);
    this.#clients.add(client);
    return client;
  }

  removeClient(client: StoreClient): void {
    client.close();
    this.#clients.delete(client);
  }

  /** What a client does with nodes, at once or within a transaction. */
  access(client: StoreClient, transaction: Transaction | undefined, cause?: RequestTicket): NodeAccess {
    client.checkOpen();
    return new NodeAccess(client.domain, this.domains, transaction ?? this.#live(cause));
  }

  begin(client: StoreClient): Transaction {
    return client.begin((id) => new Transaction(id, client.domain, this.domains, this.table));
  }

  /** Ends a transaction; with `commit`, its changes are made and announced, or it throws. */
  end(client: StoreClient, transaction: Transaction, commit: boolean, cause?: RequestTicket): void {
    client.transactions.delete(transaction.id);
    if (!commit) {
      transaction.end();
      return;
    }
    for (const { path, exact, before } of transaction.commit()) this.#fire(path, exact, this.table.get(path), before, cause);
  }

  /** Announces that a domain came, ended or went. */
  fireSpecial(name: SpecialName, domid: number): void {
    this.watches.fireSpecial(name, domid, this.domains, this.table.get(name));
  }

  /** Forgets a domain: its clients, the nodes that it owns, and what others granted it. */
  forget(domain: StoreDomain): void {
    for (const client of this.#clients) if (client.domain === domain) this.removeClient(client);
    const view = this.#live(undefined);
    this.#sweep(view, '/', domain);
    for (const name of ['@introduceDomain', '@releaseDomain']) this.#sweep(view, name, domain);
    this.domains.remove(domain);
  }

  #sweep(view: NodeView, path: string, domain: StoreDomain): void {
    const node = view.get(path);
    if (node === undefined) return;
    const permissions = node.permissions.map((entry) => (entry.domid === domain.domid ? ({ ...entry, ignored: true } as const) : entry));
    const isFixed = path === '/' || path.startsWith('@');
    if (ownerOf(node) === domain.domid && !isFixed) {
      removeTree(view, path);
      return;
    }
    if (node.permissions.some((entry) => entry.domid === domain.domid && entry.ignored === undefined)) {
      // What cannot be removed goes back to domain 0.
      const owner = ownerOf(node) === domain.domid ? { domid: 0, access: node.permissions[0].access } : node.permissions[0];
      view.put(path, { ...node, permissions: [owner, ...permissions.slice(1)] });
    }
    for (const child of node.children) this.#sweep(view, childPath(path, child), domain);
  }

  #live(cause: RequestTicket | undefined): NodeView {
    return new LiveView(this.table, (path, exact, node, before) => this.#fire(path, exact, node, before, cause));
  }

  #fire(path: string, exact: boolean, node: StoreNode | undefined, before: StoreNode | undefined, cause: RequestTicket | undefined): void {
    this.watches.fire({ path, exact, node, before, cause }, this.domains, (at) => this.table.get(at));
  }
}
