import type { DomainTable } from './domain-table.ts';
import { Access } from './permissions.ts';
import type { RequestTicket } from './request-ticket.ts';
import type { StoreClient } from './store-client.ts';
import type { StoreNode } from './store-node.ts';
import { parentOf } from './store-path.ts';

/** A watch of a client. */
export interface Watch {
  readonly client: StoreClient;
  /** Orders the events of one change: by client, then by registration. */
  readonly order: number;
  /** What is watched: a path from the root, or a special name. */
  readonly path: string;
  readonly token: string;
  /** Characters that an event's path begins with and the client never wrote: it watches a relative path. */
  readonly prefix: number;
  /** Levels below `path` that matter. */
  readonly depth: number;
}

/** A change, as watches are told of it. */
export interface Change {
  readonly path: string;
  /** Whether only watches on this very path are meant. */
  readonly exact: boolean;
  /** The node, when it is known; else the tree says who may hear of it. */
  readonly node: StoreNode | undefined;
  /** The node before, whose readers may hear of it too. */
  readonly before: StoreNode | undefined;
  /** The request behind it. */
  readonly cause: RequestTicket | undefined;
}

/** All watches, found by the path of a change rather than one by one. */
export class WatchTable {
  readonly #byPath = new Map<string, Map<StoreClient, Set<Watch>>>();
  #order = 0;

  /** Number that orders a new watch. */
  nextOrder(): number {
    return this.#order++;
  }

  add(watch: Watch): void {
    const there = this.#byPath.get(watch.path) ?? new Map<StoreClient, Set<Watch>>();
    this.#byPath.set(watch.path, there);
    const mine = there.get(watch.client);
    if (mine === undefined) there.set(watch.client, new Set([watch]));
    else mine.add(watch);
  }

  remove(watch: Watch): void {
    const there = this.#byPath.get(watch.path);
    const mine = there?.get(watch.client);
    mine?.delete(watch);
    if (mine?.size === 0) there?.delete(watch.client);
    if (there?.size === 0) this.#byPath.delete(watch.path);
  }

  /** Tells those who watch a path and may read it. */
  fire(change: Change, domains: DomainTable, nodeAt: (path: string) => StoreNode | undefined): void {
    const allowed = new Map<StoreClient, boolean>();
    const decide = (client: StoreClient): boolean => {
      const reads = (node: StoreNode | undefined): boolean => node !== undefined && (domains.accessBy(client.domain, node.permissions) & Access.READ) !== 0;
      if (reads(change.before)) return true;
      const node = change.node ?? nodeAt(change.path);
      return node !== undefined && (reads(node) || reads(nodeAt(parentOf(change.path))));
    };
    const mayHear = (client: StoreClient): boolean => {
      const known = allowed.get(client) ?? decide(client);
      allowed.set(client, known);
      return known;
    };
    for (const watch of this.#matching(change.path, change.exact, mayHear)) watch.client.deliver(watch, change.path.slice(watch.prefix), change.cause);
  }

  /** Tells those who watch a special name; `name/domid` is for those who asked for one level, or for that domain. */
  fireSpecial(name: string, domid: number, domains: DomainTable, node: StoreNode | undefined): void {
    const full = `${name}/${domid}`;
    const watches = [name, full].flatMap((path) => [...(this.#byPath.get(path)?.values() ?? [])].flatMap((mine) => [...mine])).sort(inOrder);
    for (const watch of watches) {
      const { client } = watch;
      if (node === undefined || (domains.accessBy(client.domain, node.permissions) & Access.READ) === 0) continue;
      const withDomid = watch.path === full || (watch.depth > 0 && watch.depth !== Number.POSITIVE_INFINITY);
      client.deliver(watch, withDomid ? full : name, undefined);
    }
  }

  #matching(path: string, exact: boolean, mayHear: (client: StoreClient) => boolean): Watch[] {
    const found: Watch[] = [];
    let levels = 0;
    for (let above = path; ; above = parentOf(above)) {
      const there = this.#byPath.get(above);
      if (there !== undefined) collect(found, there, levels, mayHear);
      if (exact || above === '/') break;
      levels++;
    }
    return found.length > 1 ? found.sort(inOrder) : found;
  }
}

function collect(found: Watch[], there: ReadonlyMap<StoreClient, Set<Watch>>, levels: number, mayHear: (client: StoreClient) => boolean): void {
  for (const [client, mine] of there) {
    if (!mayHear(client)) continue;
    for (const watch of mine) if (watch.depth >= levels) found.push(watch);
  }
}

function inOrder(a: Watch, b: Watch): number {
  return a.client.order - b.client.order || a.order - b.order;
}
