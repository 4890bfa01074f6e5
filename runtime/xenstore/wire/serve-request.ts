import type { RequestHandler } from './request-handler.ts';
import { DOMAIN_REQUESTS } from './serve-domain-request.ts';
import { NODE_REQUESTS } from './serve-node-request.ts';
import type { StoreClient } from '../tree/store-client.ts';
import { XenStoreError } from '../tree/xenstore-error.ts';
import type { XsRequest } from './xs-bytes.ts';

const handlers: ReadonlyMap<number, RequestHandler> = new Map<number, RequestHandler>([...NODE_REQUESTS, ...DOMAIN_REQUESTS]);

/** The handler of a type of request, if there is one and the domain may ask. */
export function handlerFor(request: XsRequest, client: StoreClient): RequestHandler {
  const handler = handlers.get(request.type);
  if (handler === undefined) throw new XenStoreError('ENOSYS', 'no such request');
  if (handler.privileged && !client.domain.privileged) throw new XenStoreError('EACCES', 'only domain 0 may ask this');
  return handler;
}
