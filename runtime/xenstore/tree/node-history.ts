import { nodeSize, type StoreNode } from './store-node.ts';

/** Someone who looks at the tree as it was at some moment. */
export interface Snapshot {
  /** Count of the store's changes at that moment. */
  readonly began: number;
  /** The moment is too long ago: what was then is forgotten. */
  lose(): void;
}

interface Version {
  /** Count of the store's changes at the change that ended this version. */
  readonly until: number;
  readonly node: StoreNode | undefined;
}

/** Bytes that are kept at most. What is more costs the oldest snapshot its view. */
const LIMIT = 4 * 1024 * 1024;

/** What an entry takes besides the node and the path. */
const OVERHEAD = 64;

/** What nodes were before they changed, as long as an open transaction may ask. */
export class NodeHistory {
  /** In the order in which they began. */
  readonly #open = new Set<Snapshot>();
  readonly #versions = new Map<string, Version[]>();
  #log: { path: string; until: number; bytes: number }[] = [];
  #first = 0;
  #bytes = 0;

  /** Open snapshots. */
  get size(): number {
    return this.#open.size;
  }

  open(snapshot: Snapshot): void {
    this.#open.add(snapshot);
  }

  /** Forgets a snapshot. */
  close(snapshot: Snapshot): void {
    if (this.#open.delete(snapshot)) this.#prune();
  }

  /** Keeps what a node was before the change that made the count `until`. */
  record(path: string, node: StoreNode | undefined, until: number): void {
    if (this.#open.size === 0) return;
    const versions = this.#versions.get(path);
    if (versions === undefined) this.#versions.set(path, [{ until, node }]);
    else versions.push({ until, node });
    const bytes = OVERHEAD + path.length + (node === undefined ? 0 : nodeSize(node));
    this.#log.push({ path, until, bytes });
    this.#bytes += bytes;
    while (this.#bytes > LIMIT) this.#loseOldest();
  }

  /** What a node was at a moment; `now` when it did not change since. */
  at(path: string, moment: number, now: StoreNode | undefined): StoreNode | undefined {
    const version = this.#versions.get(path)?.find(({ until }) => until > moment);
    return version === undefined ? now : version.node;
  }

  #loseOldest(): void {
    const [oldest] = this.#open;
    if (oldest !== undefined) {
      this.#open.delete(oldest);
      oldest.lose();
    }
    this.#prune();
  }

  /** Drops what ended before the oldest snapshot began. */
  #prune(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) {
      this.#versions.clear();
      this.#log = [];
      this.#first = 0;
      this.#bytes = 0;
      return;
    }
    for (let entry = this.#log[this.#first]; entry !== undefined && entry.until <= oldest.began; entry = this.#log[this.#first]) {
      this.#first++;
      this.#bytes -= entry.bytes;
      const versions = this.#versions.get(entry.path);
      versions?.shift();
      if (versions?.length === 0) this.#versions.delete(entry.path);
    }
    if (this.#first > 1024 && this.#first * 2 > this.#log.length) {
      this.#log = this.#log.slice(this.#first);
      this.#first = 0;
    }
  }
}
