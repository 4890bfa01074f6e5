/** What makes a flow one: its ends, as the guest sees them. */
export interface FlowKey {
  readonly guestAddress: number;
  readonly guestPort: number;
  readonly remoteAddress: number;
  readonly remotePort: number;
}

interface Entry<F> {
  readonly key: FlowKey;
  readonly flow: F;
}

/** Finds flows by their ends, without making anything for a look. */
export class FlowTable<F> {
  readonly #byPorts = new Map<number, Entry<F>[]>();
  #size = 0;

  /** Number of flows. */
  get size(): number {
    return this.#size;
  }

  /** The flow between two ends. */
  find(key: FlowKey): F | undefined {
    const entries = this.#byPorts.get(ports(key));
    if (entries === undefined) return undefined;
    for (const { key: own, flow } of entries) {
      if (own.remoteAddress === key.remoteAddress && own.guestAddress === key.guestAddress) return flow;
    }
    return undefined;
  }

  /** Adds a flow whose ends have none yet. */
  add(key: FlowKey, flow: F): void {
    const entries = this.#byPorts.get(ports(key));
    if (entries === undefined) this.#byPorts.set(ports(key), [{ key, flow }]);
    else entries.push({ key, flow });
    this.#size += 1;
  }

  /** Removes a flow, if it is this one. */
  remove(key: FlowKey, flow: F): void {
    const entries = this.#byPorts.get(ports(key)) ?? [];
    const at = entries.findIndex((entry) => entry.flow === flow);
    if (at < 0) return;
    entries.splice(at, 1);
    if (entries.length === 0) this.#byPorts.delete(ports(key));
    this.#size -= 1;
  }

  /** All flows, as they are now. */
  all(): F[] {
    return [...this.#byPorts.values()].flatMap((entries) => entries.map(({ flow }) => flow));
  }
}

function ports({ guestPort, remotePort }: FlowKey): number {
  return guestPort * 0x10000 + remotePort;
}
