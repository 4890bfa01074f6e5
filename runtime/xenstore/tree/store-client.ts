import type { RequestTicket } from './request-ticket.ts';
import type { StoreDomain } from './store-domain.ts';
import { resolvePath } from './store-path.ts';
import type { Transaction } from './transaction.ts';
import type { Watch, WatchTable } from './watch-table.ts';
import { XenStoreError } from './xenstore-error.ts';

/** Where a client's events go. */
export type EventSink = (path: string, token: string, cause: RequestTicket | undefined) => void;

/** Someone who speaks with the store on behalf of a domain: its watches and transactions. */
export class StoreClient {
  readonly domain: StoreDomain;
  /** Clients hear of a change in the order in which they came. */
  readonly order: number;
  readonly transactions = new Map<number, Transaction>();
  readonly #watches = new Map<string, Watch>();
  readonly #table: WatchTable;
  readonly #sink: EventSink;
  #nextTransaction = 1;
  #closed = false;

  constructor(domain: StoreDomain, order: number, table: WatchTable, sink: EventSink) {
    this.domain = domain;
    this.order = order;
    this.#table = table;
    this.#sink = sink;
  }

  /** Passes an event on. */
  deliver(watch: Watch, path: string, cause: RequestTicket | undefined): void {
    this.#sink(path, watch.token, cause);
  }

  /**
   * Registers a watch. Its first event is for the caller to deliver, after the reply.
   * @param depth - levels below `path` that matter
   */
  watch(path: string, token: string, depth: number = Number.POSITIVE_INFINITY): Watch {
    this.checkOpen();
    const name = resolvePath(this.domain, path, true);
    const key = `${name}\0${token}`;
    if (this.#watches.has(key)) throw new XenStoreError('EEXIST', 'a watch that there is already');
    if (this.domain.over('watches', this.domain.watches)) throw new XenStoreError('E2BIG', 'too many watches');
    const bytes = name.length + token.length;
    if (this.domain.over('memory', this.domain.memory + bytes)) throw new XenStoreError('ENOMEM', 'too much memory');
    const prefix = path.startsWith('/') || path.startsWith('@') ? 0 : this.domain.path.length + 1;
    const watch: Watch = { client: this, order: this.#table.nextOrder(), path: name, token, prefix, depth };
    this.#watches.set(key, watch);
    this.#table.add(watch);
    this.domain.watches++;
    this.domain.memory += bytes;
    return watch;
  }

  /** Sends the event that every new watch begins with. */
  greet(watch: Watch): void {
    this.deliver(watch, watch.path.slice(watch.prefix), undefined);
  }

  unwatch(path: string, token: string): void {
    const key = `${resolvePath(this.domain, path, true)}\0${token}`;
    const watch = this.#watches.get(key);
    if (watch === undefined) throw new XenStoreError('ENOENT', 'no such watch');
    this.#drop(key, watch);
  }

  /** Begins a transaction; `make` is given its number. */
  begin(make: (id: number) => Transaction): Transaction {
    this.checkOpen();
    if (this.domain.over('transactions', this.domain.transactions)) throw new XenStoreError('ENOSPC', 'too many transactions');
    while (this.#nextTransaction === 0 || this.transactions.has(this.#nextTransaction)) this.#nextTransaction = (this.#nextTransaction + 1) >>> 0;
    const transaction = make(this.#nextTransaction);
    this.transactions.set(transaction.id, transaction);
    this.#nextTransaction = (this.#nextTransaction + 1) >>> 0;
    return transaction;
  }

  /** Forgets all watches and transactions. */
  reset(): void {
    for (const [key, watch] of this.#watches) this.#drop(key, watch);
    for (const transaction of this.transactions.values()) transaction.end();
    this.transactions.clear();
  }

  /** Forgets all, and refuses what comes after: the domain may be another by then. */
  close(): void {
    this.#closed = true;
    this.reset();
  }

  /** Refuses a client that was closed. */
  checkOpen(): void {
    if (this.#closed) throw new XenStoreError('EINVAL', 'a session that was closed');
  }

  #drop(key: string, watch: Watch): void {
    this.#watches.delete(key);
    this.#table.remove(watch);
    this.domain.watches--;
    this.domain.memory -= watch.path.length + watch.token.length;
  }
}
