import { DEFAULT_QUOTAS, type XenStoreQuotas } from './tree/quota.ts';
import type { RequestTicket } from './tree/request-ticket.ts';
import { handlerFor } from './wire/serve-request.ts';
import { StoreCore } from './store-core.ts';
import type { StoreClient } from './tree/store-client.ts';
import type { StoreDomain } from './tree/store-domain.ts';
import { XenStoreConnection } from './wire/xenstore-connection.ts';
import { XenStoreError } from './tree/xenstore-error.ts';
import { EventCalls } from './event-calls.ts';
import { XenStoreSession } from './xenstore-session.ts';
import type { XsRequest } from './wire/xs-bytes.ts';
import { XS_FEATURES, XsLimit, XsMessage } from './wire/xs-wire.ts';

/** What a store may be made with. */
export interface XenStoreOptions {
  /** Limits of every domain that differ from {@link DEFAULT_QUOTAS}. */
  readonly quotas?: Partial<XenStoreQuotas>;
  /** The time in milliseconds, for events that nobody takes. */
  readonly now?: () => number;
  /** Told of a listener that threw; the others are called all the same. */
  readonly onListenerError?: (error: unknown, path: string) => void;
  /** Serves `XS_INTRODUCE`: maps the domain's page and calls `introduceDomain`. Without it the request is refused. */
  readonly introduce?: (wanted: { domid: number; gfn: number; port: number }) => void;
}

/** Milliseconds after which xenstored throws away an event that a domain has not taken. */
const EVENT_TIMEOUT = 20_000;

/** Domids from here on have special meanings. */
const FIRST_RESERVED_DOMID = 0x7ff0;

/** XenStore: the tree, who may do what with it, and the ways to it. */
export class XenStore {
  /** What the ways in work on. */
  readonly core: StoreCore;
  readonly #options: XenStoreOptions;
  readonly #connections = new Map<number, XenStoreConnection>();
  readonly #features = new Map<number, number>();
  readonly #calls: EventCalls;
  readonly #now: () => number;

  constructor(options: XenStoreOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.core = new StoreCore({ ...DEFAULT_QUOTAS, ...options.quotas });
    this.#calls = new EventCalls(options.onListenerError ?? (() => undefined));
  }

  /** Limits that a new domain begins with. */
  get defaultQuotas(): Readonly<XenStoreQuotas> {
    return { ...DEFAULT_QUOTAS, ...this.core.domains.defaults };
  }

  /** Speaks with the store from within the process, as domain 0 or as any domain that is known. */
  session(domid = 0): XenStoreSession {
    return new XenStoreSession(this.core, this.core.domain(domid), this.#calls);
  }

  /** Calls the listeners of all events that wait, now rather than in a microtask. */
  flush(): void {
    this.#calls.drain();
  }

  /** Makes a domain known, so that it can be given permissions before it runs. */
  addDomain(domid: number): void {
    if (!Number.isInteger(domid) || domid < 1 || domid >= FIRST_RESERVED_DOMID) throw new XenStoreError('EINVAL', `${domid} is no domid`);
    if (this.core.domains.get(domid) === undefined) this.core.domains.add(domid, ++this.core.table.generation);
  }

  /** Connects a domain; announced by `@introduceDomain`. A domain that is connected begins anew. */
  introduceDomain(domid: number): XenStoreConnection {
    const there = this.#connections.get(domid);
    if (there !== undefined) {
      there.reset();
      return there;
    }
    this.addDomain(domid);
    const domain = this.core.domain(domid);
    const connection = this.#connect(domain);
    this.#connections.set(domid, connection);
    domain.introduced = true;
    this.core.fireSpecial('@introduceDomain', domid);
    return connection;
  }

  /** A byte stream for domain 0, for tools that speak the protocol. Close it with `removeConnection`. */
  connectPrivileged(): XenStoreConnection {
    return this.#connect(this.core.domain(0));
  }

  /** Closes a connection that `connectPrivileged` made. */
  removeConnection(connection: XenStoreConnection): void {
    connection.close();
    this.core.removeClient(connection.client);
  }

  /** Announces by `@releaseDomain` that a domain has shut down; once, until it is resumed. */
  shutDownDomain(domid: number): void {
    const domain = this.core.domain(domid);
    if (domain.shutdown) return;
    domain.shutdown = true;
    this.core.fireSpecial('@releaseDomain', domid);
  }

  /** Has the next shutdown of a domain announced again. */
  resumeDomain(domid: number): void {
    this.core.domain(domid).shutdown = false;
  }

  /** Disconnects and forgets a domain: its watches, transactions, the nodes that it owns. Announced by `@releaseDomain`. */
  releaseDomain(domid: number): void {
    const domain = this.core.domain(domid);
    if (domain.privileged) throw new XenStoreError('EINVAL', 'domain 0 cannot be released');
    this.#connections.get(domid)?.close();
    this.#connections.delete(domid);
    this.#features.delete(domid);
    this.core.forget(domain);
    if (domain.introduced) this.core.fireSpecial('@releaseDomain', domid);
  }

  /** Gives a domain the rights of another besides its own. */
  setTarget(domid: number, target: number): void {
    if (!this.isIntroduced(domid) || !this.isIntroduced(target)) throw new XenStoreError('ENOENT', 'no such domain');
    this.core.domain(domid).target = this.core.domain(target);
  }

  isIntroduced(domid: number): boolean {
    return this.core.domains.get(domid)?.introduced ?? false;
  }

  /** Feature bits that are offered to a domain. */
  featuresOf(domid: number): number {
    this.core.domain(domid);
    return this.#features.get(domid) ?? XS_FEATURES;
  }

  /** Limits the features that are offered to a domain; holds from its introduction on. */
  setFeatures(domid: number, bits: number): void {
    this.core.domain(domid);
    this.#features.set(domid, bits & XS_FEATURES);
  }

  /** Serves `XS_INTRODUCE`. */
  introduceByRequest(wanted: { domid: number; gfn: number; port: number }): void {
    if (this.#options.introduce === undefined) throw new XenStoreError('ENOSYS', 'domains are introduced by the hypervisor');
    this.#options.introduce(wanted);
  }

  /** Throws away what a domain has not taken for 20 seconds, so that it holds nobody up. To be called now and then. */
  dropOldEvents(): void {
    for (const connection of this.#connections.values()) connection.dropEvents(this.#now() - EVENT_TIMEOUT);
  }

  #connect(domain: StoreDomain): XenStoreConnection {
    const host = {
      now: this.#now,
      serve: (connection: XenStoreConnection, request: XsRequest, ticket: RequestTicket) => this.#serve(connection, request, ticket),
    };
    const join = (connection: XenStoreConnection): StoreClient =>
      this.core.addClient(domain, (path, token, cause) => connection.event(path, token, domain.privileged ? undefined : cause));
    return new XenStoreConnection(host, domain, this.featuresOf(domain.domid), join);
  }

  #serve(connection: XenStoreConnection, request: XsRequest, ticket: RequestTicket): void {
    const reply = (type: number, payload: Uint8Array | string): void => {
      if (payload.length > XsLimit.payloadMax) connection.reply(ticket, request, XsMessage.XS_ERROR, 'E2BIG\0');
      else connection.reply(ticket, request, type, payload);
    };
    try {
      const { client } = connection;
      const handler = handlerFor(request, client);
      const transaction = handler.anyTransaction || request.txId === 0 ? undefined : client.transactions.get(request.txId);
      if (transaction === undefined && !handler.anyTransaction && request.txId !== 0) throw new XenStoreError('ENOENT', 'no such transaction');
      const nodes = this.core.access(client, transaction, ticket);
      const answer = (payload: Uint8Array | string): void => reply(request.type, payload);
      const payload = handler.serve({ store: this, client, transaction, ticket, payload: request.payload, nodes, reply: answer });
      if (payload !== undefined) answer(payload);
    } catch (error) {
      if (!(error instanceof XenStoreError)) throw error;
      reply(XsMessage.XS_ERROR, `${error.errno}\0`);
    }
  }
}
