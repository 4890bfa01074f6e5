/** What a block backend may discard. */
export interface DiscardLimits {
  /** Offsets and lengths of this many bytes can be discarded; what is less may stay as it is. */
  readonly granularityBytes: number;
}

/**
 * Where the data of a VBD is kept. Calls are within its size and in whole sectors. Several may be under way at once,
 * in any order; it fails by throwing or rejecting, which the guest sees as an I/O error of that request alone.
 * What can be done at once needs no promise.
 */
export interface BlockStore {
  /** Its size, a multiple of `sectorBytes`. */
  readonly sizeBytes: number;
  /** The least that can be read or written. */
  readonly sectorBytes: 512 | 4096;
  /** The least that is not read first when it is written; `sectorBytes` when left out. */
  readonly physicalSectorBytes?: number;
  /** Whether writes are refused. They do not get as far as here then. */
  readonly readOnly: boolean;
  /** What `discard` takes; left out when there is no discard. */
  readonly discardLimits?: DiscardLimits;
  /**
   * Reads from `offset` on and fills `parts` in their order.
   * @param parts - parts of guest pages, which must not be touched once it is done; the guest may use them meanwhile
   */
  read(offset: number, parts: readonly Uint8Array[]): void | Promise<void>;
  /** Writes `parts` in their order from `offset` on. */
  write(offset: number, parts: readonly Uint8Array[]): void | Promise<void>;
  /** What has been written until now survives the end of the host when this is done. Left out when there is no such thing. */
  flush?(): void | Promise<void>;
  /** The guest does not need these bytes any more. They may be kept, or read as zeroes. */
  discard?(offset: number, length: number): void | Promise<void>;
  /** Gives back what the host lent. Nothing is under way, and nothing follows. */
  close(): void | Promise<void>;
}

/** Whether a store takes discards. */
export function canDiscard({ readOnly, discard, discardLimits }: BlockStore): boolean {
  return !readOnly && discard !== undefined && discardLimits !== undefined;
}
