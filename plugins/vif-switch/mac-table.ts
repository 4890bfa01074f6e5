import { getU16, getU32 } from '#sdk';

/** The Ethernet address at an offset, as a number. */
export function macAt(bytes: Uint8Array, at: number): number {
  return getU16(bytes, at) * 0x1_0000_0000 + getU32(bytes, at + 2);
}

/** Reads `00:16:3e:01:02:03`; undefined for anything else. */
export function parseMac(text: string): number | undefined {
  return /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text) ? Number.parseInt(text.replaceAll(':', ''), 16) : undefined;
}

interface Entry<P> {
  port: P;
  seenMs: number;
}

/** Which address was last heard on which port. Its size is bounded, whatever a guest sends. */
export class MacTable<P> {
  readonly #entries = new Map<number, Entry<P>>();
  readonly #ageingMs: number;
  readonly #capacity: number;

  constructor({ ageingMs, capacity }: { ageingMs: number; capacity: number }) {
    this.#ageingMs = ageingMs;
    this.#capacity = capacity;
  }

  /** Addresses that are fresh at a moment. */
  countFresh(nowMs: number): number {
    let count = 0;
    for (const { seenMs } of this.#entries.values()) if (nowMs - seenMs < this.#ageingMs) count += 1;
    return count;
  }

  /** Where an address is; undefined when it is not known, or has aged. */
  find(address: number, nowMs: number): P | undefined {
    const entry = this.#entries.get(address);
    return entry === undefined || nowMs - entry.seenMs >= this.#ageingMs ? undefined : entry.port;
  }

  /** Takes note of where an address is. When the table is full, the address that was learnt first makes room if it belongs to who floods. */
  learn(address: number, port: P, nowMs: number): void {
    const entry = this.#entries.get(address);
    if (entry !== undefined) {
      entry.port = port;
      entry.seenMs = nowMs;
      return;
    }
    if (this.#entries.size >= this.#capacity && !this.#makeRoom(port, nowMs)) return;
    this.#entries.set(address, { port, seenMs: nowMs });
  }

  /** Forgets all addresses of a port. */
  forget(port: P): void {
    for (const [address, entry] of this.#entries) if (entry.port === port) this.#entries.delete(address);
  }

  /** A port that floods pushes out its own addresses, never those of another. */
  #makeRoom(port: P, nowMs: number): boolean {
    for (const [address, entry] of this.#entries) {
      if (entry.port !== port && nowMs - entry.seenMs < this.#ageingMs) continue;
      this.#entries.delete(address);
      return true;
    }
    return false;
  }
}
