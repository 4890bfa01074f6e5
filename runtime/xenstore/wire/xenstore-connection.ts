import { OutputQueue } from './output-queue.ts';
import { RequestTicket } from '../tree/request-ticket.ts';
import type { StoreClient } from '../tree/store-client.ts';
import type { StoreDomain } from '../tree/store-domain.ts';
import { encodeMessage, type XsRequest } from './xs-bytes.ts';
import { XsConnectionError, XsLimit, XsMessage } from './xs-wire.ts';

/** What a connection needs of the store. */
export interface ConnectionHost {
  /** Serves a request; every reply goes through `reply`. */
  serve(connection: XenStoreConnection, request: XsRequest, ticket: RequestTicket): void;
  /** The time in milliseconds. */
  now(): number;
}

/**
 * The byte stream between a domain and the store. It is fed what the domain sends and gives what the domain
 * is to receive, in pieces of any size; no bytes make it throw, and no reader that is slow makes it grow.
 */
export class XenStoreConnection {
  readonly domain: StoreDomain;
  /** Called when there is something to take, or when more may be fed again. */
  onReady: (() => void) | undefined;
  /** Called once when the connection has ended for good. */
  onClosed: (() => void) | undefined;
  /** Bits of what is offered to the domain, as in the shared page. */
  features: number;
  readonly #host: ConnectionHost;
  readonly #client: StoreClient;
  readonly #out: OutputQueue;
  readonly #header = new Uint8Array(XsLimit.headerSize);
  readonly #payload = new Uint8Array(XsLimit.payloadMax);
  #received = 0;
  #error: number = XsConnectionError.NONE;
  #closed = false;

  /** @param join - makes the client that hears of this connection's events */
  constructor(host: ConnectionHost, domain: StoreDomain, features: number, join: (connection: XenStoreConnection) => StoreClient) {
    this.#host = host;
    this.domain = domain;
    this.features = features;
    this.#out = new OutputQueue(domain);
    this.#client = join(this);
  }

  /** Watches and transactions of the domain. */
  get client(): StoreClient {
    return this.#client;
  }

  /** Why it was ended, as the shared page says it; 0 while it works. */
  get error(): number {
    return this.#error;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether there are bytes to take. */
  get hasOutput(): boolean {
    return !this.#out.isEmpty;
  }

  /** Messages that wait to be taken. */
  get pendingMessages(): number {
    return this.#out.length;
  }

  /** How many bytes it would take now: up to the end of the message that is being received, or none while it is stalled. */
  get wanted(): number {
    if (this.#closed || this.#error !== XsConnectionError.NONE || this.domain.stalled) return 0;
    const { headerSize } = XsLimit;
    return this.#received < headerSize ? headerSize - this.#received : headerSize + this.#payloadLength() - this.#received;
  }

  /**
   * Takes what the domain sent, and serves every request that is whole.
   * @returns how many bytes it took: fewer than given when it is stalled or broken
   */
  receive(bytes: Uint8Array): number {
    let used = 0;
    for (let wanted = this.wanted; wanted > 0 && used < bytes.length; wanted = this.wanted) {
      const part = bytes.subarray(used, used + wanted);
      used += part.length;
      this.#accept(part);
    }
    return used;
  }

  /** Copies what the domain is to receive; returns how many bytes there were. */
  take(into: Uint8Array): number {
    return this.#out.take(into);
  }

  /** Queues the answer to a request. */
  reply(ticket: RequestTicket, request: XsRequest, type: number, payload: Uint8Array | string): void {
    const wasEmpty = this.#out.isEmpty;
    this.#out.addReply(encodeMessage(type, request.reqId, request.txId, payload), ticket);
    if (wasEmpty) this.onReady?.();
  }

  /** Queues an event of a watch. Events that no message can hold are dropped, as are those that already wait. */
  event(path: string, token: string, cause: RequestTicket | undefined): void {
    const payload = `${path}\0${token}\0`;
    if (payload.length > XsLimit.payloadMax || this.#closed || this.#error !== XsConnectionError.NONE) return;
    const wasEmpty = this.#out.isEmpty;
    // Special events may come twice and mean two domains.
    const key = path.startsWith('@') ? undefined : payload;
    this.#out.addEvent(encodeMessage(XsMessage.XS_WATCH_EVENT, 0, 0, payload), key, cause, this.#host.now());
    if (wasEmpty && !this.#out.isEmpty) this.onReady?.();
  }

  /** Ends the connection for what the domain did; `reset` begins anew. */
  break(error: number): void {
    this.#clear();
    this.#error = error;
  }

  /** Begins anew, as if nothing had been sent: no watches, transactions, requests or replies. */
  reset(): void {
    this.#clear();
    this.#error = XsConnectionError.NONE;
  }

  /** Throws away events that waited since before `before`. */
  dropEvents(before: number): void {
    this.#out.dropEvents(before);
  }

  /** Ends the connection for good. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#clear();
    this.onClosed?.();
  }

  #clear(): void {
    this.#client.reset();
    this.#out.clear();
    this.#received = 0;
  }

  #payloadLength(): number {
    return new DataView(this.#header.buffer).getUint32(12, true);
  }

  #accept(part: Uint8Array): void {
    const { headerSize, payloadMax } = XsLimit;
    if (this.#received < headerSize) this.#header.set(part, this.#received);
    else this.#payload.set(part, this.#received - headerSize);
    this.#received += part.length;
    if (this.#received < headerSize) return;
    const length = this.#payloadLength();
    if (length > payloadMax) this.break(XsConnectionError.PROTO);
    else if (this.#received === headerSize + length) this.#serve(length);
  }

  #serve(length: number): void {
    const header = new DataView(this.#header.buffer);
    const request: XsRequest = {
      type: header.getUint32(0, true),
      reqId: header.getUint32(4, true),
      txId: header.getUint32(8, true),
      // A copy: values are kept.
      payload: this.#payload.slice(0, length),
    };
    this.#received = 0;
    const ticket = new RequestTicket(this.domain, () => this.onReady?.());
    this.#host.serve(this, request, ticket);
  }
}
