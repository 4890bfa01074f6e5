import type { NodeView } from './node-view.ts';
import type { NodeTable } from './node-table.ts';
import type { StoreDomain } from './store-domain.ts';
import { nodeSize, type StoreNode } from './store-node.ts';

/** How a change outside a transaction is announced. */
export type Announce = (path: string, exact: boolean, node: StoreNode | undefined, before: StoreNode | undefined) => void;

/** The tree as it is, for a request outside a transaction: every change is seen and announced at once. */
export class LiveView implements NodeView {
  readonly #table: NodeTable;
  readonly #announce: Announce;

  constructor(table: NodeTable, announce: Announce) {
    this.#table = table;
    this.#announce = announce;
  }

  get(path: string): StoreNode | undefined {
    return this.#table.get(path);
  }

  put(path: string, node: StoreNode): void {
    this.#table.put(path, node);
  }

  delete(path: string): void {
    this.#table.delete(path);
  }

  cost(path: string, node: StoreNode): number {
    const old = this.#table.get(path);
    return nodeSize(node) - (old === undefined ? -path.length : nodeSize(old));
  }

  nodesOf(domain: StoreDomain): number {
    return domain.nodes;
  }

  changed(path: string, exact: boolean, before?: StoreNode): void {
    this.#announce(path, exact, this.#table.get(path), before);
  }

  spoil(): void {
    // What is refused outside a transaction leaves nothing behind.
  }
}
