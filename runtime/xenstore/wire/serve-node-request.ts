import { parsePermission, formatPermission } from '../tree/permissions.ts';
import { leadingNumber, OK, onlyString, type RequestHandler } from './request-handler.ts';
import type { StoreNode } from '../tree/store-node.ts';
import { XenStoreError } from '../tree/xenstore-error.ts';
import { latin1Of, stringsOf } from './xs-bytes.ts';
import { XsLimit, XsMessage } from './xs-wire.ts';

function directoryPart(node: StoreNode, offset: number): string {
  const all = node.children.map((name) => `${name}\0`).join('');
  const head = `${node.generation}\0`;
  if (offset >= all.length) return `${head}\0`;
  const room = XsLimit.payloadMax - head.length - 1;
  const rest = all.slice(offset);
  if (rest.length <= room) return `${head}${rest}\0`;
  return head + rest.slice(0, rest.lastIndexOf('\0', room - 1) + 1);
}

function watchArguments(payload: Uint8Array, allowed: number): [path: string, token: string, depth: string | undefined] {
  const strings = stringsOf(payload);
  const [path, token, depth] = strings;
  if (path === undefined || token === undefined || strings.length > allowed) throw new XenStoreError('EINVAL', 'not a path and a token');
  return [path, token, depth];
}

/** The requests about nodes, watches and transactions. */
export const NODE_REQUESTS: readonly (readonly [number, RequestHandler])[] = [
  [
    XsMessage.XS_DIRECTORY,
    {
      serve: ({ nodes, payload }) =>
        nodes
          .node(onlyString(payload))
          .children.map((name) => `${name}\0`)
          .join(''),
    },
  ],
  [XsMessage.XS_READ, { serve: ({ nodes, payload }) => nodes.node(onlyString(payload)).value }],
  [
    XsMessage.XS_GET_PERMS,
    {
      serve: ({ nodes, payload }) =>
        nodes
          .node(onlyString(payload), true)
          .permissions.map((entry) => `${formatPermission(entry)}\0`)
          .join(''),
    },
  ],
  [
    XsMessage.XS_DIRECTORY_PART,
    {
      serve: ({ nodes, payload }) => {
        const [path, offset, ...more] = stringsOf(payload);
        if (path === undefined || offset === undefined || more.length > 0) throw new XenStoreError('EINVAL', 'not a path and an offset');
        return directoryPart(nodes.node(path), /^\s*-/.test(offset) ? Number.POSITIVE_INFINITY : leadingNumber(offset));
      },
    },
  ],
  [
    XsMessage.XS_WATCH,
    {
      anyTransaction: true,
      serve: ({ client, payload, reply }) => {
        const [path, token, depth] = watchArguments(payload, 3);
        if (depth !== undefined && !/^\d{1,9}$/.test(depth)) throw new XenStoreError('EINVAL', 'not a depth');
        const watch = client.watch(path, token, depth === undefined ? Number.POSITIVE_INFINITY : Number(depth));
        // The first event comes after the reply.
        reply(OK);
        client.greet(watch);
        return undefined;
      },
    },
  ],
  [
    XsMessage.XS_UNWATCH,
    {
      anyTransaction: true,
      serve: ({ client, payload }) => {
        const [path, token] = watchArguments(payload, 2);
        client.unwatch(path, token);
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_TRANSACTION_START,
    {
      serve: ({ store, client, transaction }) => {
        if (transaction !== undefined) throw new XenStoreError('EBUSY', 'a transaction within a transaction');
        return `${store.core.begin(client).id}\0`;
      },
    },
  ],
  [
    XsMessage.XS_TRANSACTION_END,
    {
      serve: ({ store, client, transaction, payload, ticket }) => {
        const how = onlyString(payload);
        if (how !== 'T' && how !== 'F') throw new XenStoreError('EINVAL', 'neither T nor F');
        if (transaction === undefined) throw new XenStoreError('ENOENT', 'no transaction');
        store.core.end(client, transaction, how === 'T', ticket);
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_WRITE,
    {
      serve: ({ nodes, payload }) => {
        const end = payload.indexOf(0);
        if (end < 0) throw new XenStoreError('EINVAL', 'no path');
        nodes.write(latin1Of(payload.subarray(0, end)), payload.slice(end + 1));
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_MKDIR,
    {
      serve: ({ nodes, payload }) => {
        nodes.makeDirectory(onlyString(payload));
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_RM,
    {
      serve: ({ nodes, payload }) => {
        nodes.remove(onlyString(payload));
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_SET_PERMS,
    {
      serve: ({ nodes, payload, client }) => {
        const [path, ...entries] = stringsOf(payload);
        if (path === undefined || entries.length === 0) throw new XenStoreError('EINVAL', 'not a path and permissions');
        if (client.domain.over('nodePermissions', entries.length)) throw new XenStoreError('ENOSPC', 'too many permissions');
        nodes.setPermissions(path, entries.map(parsePermission));
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_RESET_WATCHES,
    {
      serve: ({ client }) => {
        client.reset();
        return OK;
      },
    },
  ],
];
