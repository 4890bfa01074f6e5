import type { DomainTable } from './domain-table.ts';
import type { Snapshot } from './node-history.ts';
import type { NodeTable } from './node-table.ts';
import type { NodeView } from './node-view.ts';
import type { StoreDomain } from './store-domain.ts';
import { nodeSize, ownerOf, type StoreNode } from './store-node.ts';
import { XenStoreError } from './xenstore-error.ts';

/** A node that a transaction touched. */
interface Touched {
  /** As it was when the transaction began: what must still hold at its end. */
  readonly before: StoreNode | undefined;
  after: StoreNode | undefined;
  modified: boolean;
  fire: 'none' | 'exact' | 'tree';
}

/** A change that a commit made, to be announced. */
export interface CommittedChange {
  readonly path: string;
  readonly exact: boolean;
  readonly before: StoreNode | undefined;
}

/**
 * A view of the tree as it was when the transaction began, plus its own changes.
 * It commits when nothing that it looked at or changed was changed by others meanwhile. What others change
 * is kept aside for it; when that is too much the oldest transaction is lost, and ends with EAGAIN.
 */
export class Transaction implements NodeView, Snapshot {
  readonly id: number;
  readonly began: number;
  readonly #domain: StoreDomain;
  readonly #domains: DomainTable;
  readonly #table: NodeTable;
  readonly #touched = new Map<string, Touched>();
  readonly #nodes = new Map<number, number>();
  #bytes = 0;
  #spoiled = false;
  #lost = false;
  #ended = false;

  constructor(id: number, domain: StoreDomain, domains: DomainTable, table: NodeTable) {
    this.id = id;
    this.#domain = domain;
    this.#domains = domains;
    this.#table = table;
    this.began = table.generation;
    table.history.open(this);
    domain.transactions++;
  }

  get(path: string): StoreNode | undefined {
    const known = this.#touched.get(path);
    if (known !== undefined) return known.after;
    if (this.#domain.over('transactionNodes', this.#touched.size + 1)) {
      this.spoil();
      throw new XenStoreError('ENOSPC', 'a transaction that touches too many nodes');
    }
    const now = this.#table.get(path);
    const node = this.#lost ? now : this.#table.history.at(path, this.began, now);
    this.#touched.set(path, { before: node, after: node, modified: false, fire: 'none' });
    return node;
  }

  put(path: string, node: StoreNode): void {
    this.#change(path, { ...node });
  }

  delete(path: string): void {
    this.#change(path, undefined);
  }

  cost(path: string, node: StoreNode): number {
    const entry = this.#touched.get(path);
    return takenBy(path, node) - (entry?.modified ? takenBy(path, entry.after) : 0);
  }

  nodesOf(domain: StoreDomain): number {
    return domain.nodes + (this.#nodes.get(domain.domid) ?? 0);
  }

  changed(path: string, exact: boolean): void {
    const entry = this.#touched.get(path);
    if (entry !== undefined && entry.fire !== 'tree') entry.fire = exact ? 'exact' : 'tree';
  }

  spoil(): void {
    this.#spoiled = true;
  }

  lose(): void {
    this.#lost = true;
  }

  /** Ends the transaction. Nothing of it remains but what `commit` stored. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#table.history.close(this);
    this.#domain.transactions--;
    this.#charge(-this.#bytes);
  }

  /** Makes the changes everyone's. Returns what is to be announced, in the order in which the nodes were first touched. */
  commit(): CommittedChange[] {
    this.end();
    this.#check();
    const changes: CommittedChange[] = [];
    for (const [path, { after, before, modified, fire }] of this.#touched) {
      if (!modified) continue;
      if (after !== undefined) this.#table.put(path, after);
      else if (before !== undefined) this.#table.delete(path);
      if (fire !== 'none') changes.push({ path, exact: fire === 'exact', before });
    }
    return changes;
  }

  #check(): void {
    if (this.#spoiled) throw new XenStoreError('ENOMEM', 'a change of the transaction was refused');
    const domain = this.#domain;
    const added = this.#nodes.get(domain.domid) ?? 0;
    if (added > 0 && domain.over('nodes', domain.nodes + added)) throw new XenStoreError('ENOSPC', 'too many nodes');
    let stale = this.#lost;
    for (const [path, { before, after }] of this.#touched) stale ||= this.#table.get(path) !== before || (after !== before && !this.#isMeant(after));
    if (stale) throw new XenStoreError('EAGAIN', 'others changed what the transaction saw');
  }

  /** Whether the domains of a node's permissions are those that there were when the transaction began. */
  #isMeant(node: StoreNode | undefined): boolean {
    return node === undefined || node.permissions.every((entry) => entry.ignored !== undefined || this.#knew(entry.domid));
  }

  #knew(domid: number): boolean {
    const domain = this.#domains.get(domid);
    return domain !== undefined && domain.generation <= this.began;
  }

  #change(path: string, node: StoreNode | undefined): void {
    const entry = this.#touched.get(path);
    if (entry === undefined) return;
    this.#charge(takenBy(path, node) - (entry.modified ? takenBy(path, entry.after) : 0));
    if (entry.after !== undefined) this.#count(ownerOf(entry.after), -1);
    if (node !== undefined) this.#count(ownerOf(node), 1);
    entry.after = node;
    entry.modified = true;
  }

  #count(domid: number, by: number): void {
    this.#nodes.set(domid, (this.#nodes.get(domid) ?? 0) + by);
  }

  #charge(bytes: number): void {
    this.#bytes += bytes;
    this.#domain.memory += bytes;
  }
}

function takenBy(path: string, node: StoreNode | undefined): number {
  return node === undefined ? 0 : path.length + nodeSize(node);
}
