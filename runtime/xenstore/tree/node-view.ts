import type { StoreDomain } from './store-domain.ts';
import type { StoreNode } from './store-node.ts';

/** The tree as one request sees it: the live one, or that of a transaction. */
export interface NodeView {
  get(path: string): StoreNode | undefined;
  /** Stores a node that was looked for with `get` before. */
  put(path: string, node: StoreNode): void;
  /** Removes a node that was looked for with `get` before. */
  delete(path: string): void;
  /** Bytes that storing a node would add to what the view takes. */
  cost(path: string, node: StoreNode): number;
  /** Nodes that a domain owns in this view. */
  nodesOf(domain: StoreDomain): number;
  /**
   * Announces a change.
   * @param exact - whether only watches on this very node are meant: one of those below a removed node
   * @param before - the node as it was, for those who may have lost the right to see it
   */
  changed(path: string, exact: boolean, before?: StoreNode): void;
  /** A change was refused for a quota: a transaction cannot be committed any more. */
  spoil(): void;
}
