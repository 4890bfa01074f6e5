import type { NodeAccess } from '../tree/node-access.ts';
import type { Transaction } from '../tree/transaction.ts';
import type { RequestTicket } from '../tree/request-ticket.ts';
import type { StoreClient } from '../tree/store-client.ts';
import type { XenStore } from '../xenstore.ts';
import { XenStoreError } from '../tree/xenstore-error.ts';
import { latin1Of } from './xs-bytes.ts';

/** A request with all that its handler may need. */
export interface RequestContext {
  readonly store: XenStore;
  readonly client: StoreClient;
  /** The transaction that the request belongs to. */
  readonly transaction: Transaction | undefined;
  readonly ticket: RequestTicket;
  readonly payload: Uint8Array;
  /** The nodes, as this request may see and change them. */
  readonly nodes: NodeAccess;
  /** Answers before the handler returns, for what must come after the answer. */
  reply(payload: Uint8Array | string): void;
}

/** Serves one type of request. Returns the reply's payload; undefined when it replied by itself. */
export interface RequestHandler {
  /** Whether only domain 0 may ask. */
  readonly privileged?: true;
  /** Whether the header's transaction is not looked at. */
  readonly anyTransaction?: true;
  readonly serve: (request: RequestContext) => Uint8Array | string | undefined;
}

/** The payload of a reply that says no more than that it was done. */
export const OK = 'OK\0';

/** The one string of a payload that must hold nothing else. */
export function onlyString(payload: Uint8Array): string {
  const text = latin1Of(payload);
  if (text.indexOf('\0') !== text.length - 1) throw new XenStoreError('EINVAL', 'not one string');
  return text.slice(0, -1);
}

/** The value of a number's leading digits, 0 without any, as C's `atoi` reads it. */
export function leadingNumber(text: string): number {
  return Number(/^\s*\+?(\d{1,15})/.exec(text)?.[1] ?? 0);
}
