import type { EventCalls } from './event-calls.ts';
import type { StoreClient } from './tree/store-client.ts';
import type { StoreCore } from './store-core.ts';
import type { StoreDomain } from './tree/store-domain.ts';
import { XenStoreNodes } from './xenstore-nodes.ts';
import { XenStoreError } from './tree/xenstore-error.ts';

/** A watch that a session keeps. */
export interface SessionWatch extends Disposable {
  /** Ends the watch: its listener is not called again. */
  close(): void;
}

/** How a session watches. */
export interface WatchOptions {
  /** Levels below the path that matter; all without it. */
  readonly depth?: number;
}

/** A transaction of a session: what it reads is the tree as it was at the beginning. */
export interface SessionTransaction extends XenStoreNodes {
  /** Makes its changes everyone's. Throws `EAGAIN` when others changed meanwhile what it saw or changed. */
  commit(): void;
  /** Drops its changes. */
  abort(): void;
}

/** How often a transaction that collides with others is tried. */
const ATTEMPTS = 16;

class OpenTransaction extends XenStoreNodes implements SessionTransaction {
  readonly #end: (commit: boolean) => void;

  constructor(nodes: ConstructorParameters<typeof XenStoreNodes>[0], end: (commit: boolean) => void) {
    super(nodes);
    this.#end = end;
  }

  commit(): void {
    this.#end(true);
  }

  abort(): void {
    this.#end(false);
  }
}

/** The store for those in the process, as one domain: its rights, its quotas, its relative paths. */
export class XenStoreSession extends XenStoreNodes {
  readonly #core: StoreCore;
  readonly #client: StoreClient;
  readonly #listeners = new Map<string, (path: string) => void>();
  #nextToken = 1;

  constructor(core: StoreCore, domain: StoreDomain, calls: EventCalls) {
    const listeners = new Map<string, (path: string) => void>();
    const client = core.addClient(domain, (path, token) => {
      // By token: a watch that was closed meanwhile is not called any more.
      calls.add({ key: `${client.order}\0${path}\0${token}`, path, call: (at) => listeners.get(token)?.(at) });
    });
    super(() => core.access(client, undefined));
    this.#core = core;
    this.#client = client;
    this.#listeners = listeners;
  }

  /** The domain it acts as. */
  get domid(): number {
    return this.#client.domain.domid;
  }

  /**
   * Watches a path and all below it. The listener is called once soon, and then after every change.
   * It is never called within another call of the store.
   */
  watch(path: string, listener: (path: string) => void, options: WatchOptions = {}): SessionWatch {
    const token = `${this.#nextToken++}`;
    const watch = this.#client.watch(path, token, options.depth);
    this.#listeners.set(token, listener);
    this.#client.greet(watch);
    const close = (): void => {
      if (this.#listeners.delete(token)) this.#client.unwatch(path, token);
    };
    return { close, [Symbol.dispose]: close };
  }

  /** Begins a transaction that the caller ends. */
  begin(): SessionTransaction {
    const transaction = this.#core.begin(this.#client);
    const check = (): void => {
      if (this.#client.transactions.get(transaction.id) !== transaction) throw new XenStoreError('ENOENT', 'a transaction that has ended');
    };
    const access = () => {
      check();
      return this.#core.access(this.#client, transaction);
    };
    return new OpenTransaction(access, (commit) => {
      check();
      this.#core.end(this.#client, transaction, commit);
    });
  }

  /** Does all of `change` or nothing of it; tries again when others got in between. */
  transaction<T>(change: (nodes: XenStoreNodes) => T): T {
    for (let attempt = 1; ; attempt++) {
      const transaction = this.begin();
      let result: T;
      try {
        result = change(transaction);
      } catch (error) {
        transaction.abort();
        throw error;
      }
      try {
        transaction.commit();
        return result;
      } catch (error) {
        if (!(error instanceof XenStoreError) || error.errno !== 'EAGAIN' || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Ends all watches and transactions. */
  close(): void {
    this.#listeners.clear();
    this.#core.removeClient(this.#client);
  }
}
