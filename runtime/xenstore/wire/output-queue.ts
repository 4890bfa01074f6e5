import type { RequestTicket } from '../tree/request-ticket.ts';
import type { StoreDomain } from '../tree/store-domain.ts';

/** A message that waits to be taken. */
interface Pending {
  readonly bytes: Uint8Array;
  readonly ticket: RequestTicket | undefined;
  /** Identifies an event, so that the same one does not wait twice. */
  readonly key: string | undefined;
  /** When an event was queued; replies have no age. */
  readonly queuedAt: number | undefined;
}

/** What a waiting message takes besides its bytes. */
const OVERHEAD = 96;

/** Messages to a domain, in order, counted against its memory. */
export class OutputQueue {
  readonly #domain: StoreDomain;
  #pending: Pending[] = [];
  /** First message that was not wholly taken, and how much of it was. */
  #first = 0;
  #taken = 0;
  readonly #keys = new Set<string>();

  constructor(domain: StoreDomain) {
    this.#domain = domain;
  }

  get isEmpty(): boolean {
    return this.#first === this.#pending.length;
  }

  /** Messages that wait. */
  get length(): number {
    return this.#pending.length - this.#first;
  }

  addReply(bytes: Uint8Array, ticket: RequestTicket): void {
    this.#add({ bytes, ticket, key: undefined, queuedAt: undefined });
  }

  /** Adds an event, unless it waits already or the domain's memory is used up. */
  addEvent(bytes: Uint8Array, key: string | undefined, ticket: RequestTicket | undefined, now: number): void {
    if (key !== undefined && this.#keys.has(key)) return;
    if (this.#domain.over('memory', this.#domain.memory + bytes.length + OVERHEAD)) return;
    if (key !== undefined) this.#keys.add(key);
    ticket?.hold();
    this.#add({ bytes, ticket, key, queuedAt: now });
  }

  /** Copies as many bytes as fit; returns how many. */
  take(into: Uint8Array): number {
    let filled = 0;
    while (filled < into.length) {
      const message = this.#pending[this.#first];
      if (message === undefined) break;
      const part = message.bytes.subarray(this.#taken, this.#taken + into.length - filled);
      into.set(part, filled);
      filled += part.length;
      this.#taken += part.length;
      if (this.#taken === message.bytes.length) this.#shift(message);
    }
    return filled;
  }

  /** Throws away events that nobody began to take, and that are older than `before`. */
  dropEvents(before: number): void {
    const kept: Pending[] = [];
    for (let i = this.#first; i < this.#pending.length; i++) {
      const message = this.#pending[i];
      if (message === undefined) continue;
      const isBegun = i === this.#first && this.#taken > 0;
      if (message.queuedAt !== undefined && !isBegun && message.queuedAt < before) this.#forget(message);
      else kept.push(message);
    }
    this.#pending = kept;
    this.#first = 0;
  }

  /** Throws everything away. */
  clear(): void {
    const dropped = this.#pending.slice(this.#first);
    this.#pending = [];
    this.#first = 0;
    this.#taken = 0;
    for (const message of dropped) this.#forget(message);
  }

  #add(message: Pending): void {
    this.#pending.push(message);
    this.#domain.memory += message.bytes.length + OVERHEAD;
  }

  #shift(message: Pending): void {
    this.#taken = 0;
    this.#first++;
    if (this.#first > 64 && this.#first * 2 > this.#pending.length) {
      this.#pending.splice(0, this.#first);
      this.#first = 0;
    }
    this.#forget(message);
  }

  #forget(message: Pending): void {
    this.#domain.memory -= message.bytes.length + OVERHEAD;
    if (message.key !== undefined) this.#keys.delete(message.key);
    message.ticket?.release();
  }
}
