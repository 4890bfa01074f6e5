/** Limits of one domain. 0 switches a limit off. Domain 0 has none. */
export interface XenStoreQuotas {
  /** Nodes that the domain owns. */
  nodes: number;
  /** Watches; as in xenstored the check comes before the count, so that one more fits. */
  watches: number;
  /** Requests whose reply, or an event that they caused, nobody has taken yet. */
  outstanding: number;
  /** Bytes of its nodes, watches, transactions and of what waits to be read by it. */
  memory: number;
  /** Open transactions; one more fits, as with watches. */
  transactions: number;
  /** Nodes that one transaction may touch. */
  transactionNodes: number;
  /** Permissions of one node. */
  nodePermissions: number;
  /** Length of a path, not counting `/local/domain/N/`. */
  pathLength: number;
  /** Bytes of one node: header, permissions, value and the names of its children. */
  nodeSize: number;
}

/** xenstored's defaults (`tools/xenstored/domain.c`). */
export const DEFAULT_QUOTAS: Readonly<XenStoreQuotas> = Object.freeze({
  nodes: 1000,
  watches: 128,
  outstanding: 20,
  memory: 2_621_440,
  transactions: 10,
  transactionNodes: 1024,
  nodePermissions: 5,
  pathLength: 2048,
  nodeSize: 2048,
});

/** Quotas by the names that `XS_GET_QUOTA` and xenstored's options use. */
export const QUOTA_NAMES: ReadonlyMap<string, keyof XenStoreQuotas> = new Map<string, keyof XenStoreQuotas>([
  ['nodes', 'nodes'],
  ['watches', 'watches'],
  ['outstanding', 'outstanding'],
  ['memory', 'memory'],
  ['transactions', 'transactions'],
  ['transaction-nodes', 'transactionNodes'],
  ['node-permissions', 'nodePermissions'],
  ['path-max', 'pathLength'],
  ['node-size', 'nodeSize'],
]);

/** Whether `value` is over a limit. */
export function exceeds(value: number, limit: number): boolean {
  return limit !== 0 && value > limit;
}
