import type { DomainTable } from './domain-table.ts';
import { NodeHistory } from './node-history.ts';
import { nodeSize, type StoreNode } from './store-node.ts';

/** The nodes of the tree as everyone outside a transaction sees them. */
export class NodeTable {
  /** Count of all changes. */
  generation = 0;
  /** What transactions that are open still see. */
  readonly history = new NodeHistory();
  readonly #nodes = new Map<string, StoreNode>();
  readonly #domains: DomainTable;

  constructor(domains: DomainTable) {
    this.#domains = domains;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get(path: string): StoreNode | undefined {
    return this.#nodes.get(path);
  }

  /** Stores a node under a new generation. */
  put(path: string, node: StoreNode): void {
    this.#replace(path, { ...node, generation: ++this.generation });
  }

  delete(path: string): void {
    this.generation++;
    this.#replace(path, undefined);
  }

  #replace(path: string, node: StoreNode | undefined): void {
    const old = this.#nodes.get(path);
    this.history.record(path, old, this.generation);
    if (old !== undefined) this.#domains.account(old, -1, -nodeSize(old) - path.length);
    if (node === undefined) {
      this.#nodes.delete(path);
      return;
    }
    this.#nodes.set(path, node);
    this.#domains.account(node, 1, nodeSize(node) + path.length);
  }
}
