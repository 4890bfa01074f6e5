/** Pieces out of order that are kept at most. */
const MOST_PIECES = 64;

interface Piece {
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** What came of a segment. */
export type ReceiveResult = 'in-order' | 'out-of-order' | 'duplicate';

/**
 * The receiving half of a connection: puts segments in order, within a window that never shrinks. Positions count from
 * 0, which is the SYN, as in the sending half.
 */
export class TcpReceiver {
  readonly #capacity: number;
  readonly #take: (bytes: Uint8Array) => void;
  #pieces: Piece[] = [];
  #next = 1;
  /** Bytes that were handed on and are not consumed. */
  #held = 0;
  #edge = 1;
  #fin = -1;

  /** Hands bytes in order to `take`, which owns them. */
  constructor(capacity: number, take: (bytes: Uint8Array) => void) {
    this.#capacity = capacity;
    this.#take = take;
  }

  /** The position that is expected next; after a FIN, the one behind it. */
  get next(): number {
    return this.#next;
  }

  /** The first position that is not offered to the peer. */
  get edge(): number {
    return this.#edge;
  }

  /** Whether all bytes and the FIN have come. */
  get finished(): boolean {
    return this.#fin >= 0 && this.#next > this.#fin;
  }

  /** Bytes by which the window could be opened. */
  get gain(): number {
    return Math.max(0, this.#next + this.#capacity - this.#held - this.#edge);
  }

  /** The window to be offered now, rounded down to a multiple of `unit`. What was offered before stays so. */
  offer(unit: number): number {
    const free = Math.floor(Math.max(0, this.#capacity - this.#held) / unit) * unit;
    this.#edge = Math.max(this.#edge, this.#next + free);
    return this.#edge - this.#next;
  }

  /** Bytes that were handed on have been used. */
  consumed(length: number): void {
    this.#held = Math.max(0, this.#held - length);
  }

  /** Takes the payload of a segment; `isLast` when a FIN follows it. */
  receive(position: number, payload: Uint8Array, isLast: boolean): ReceiveResult {
    if (isLast && this.#fin < 0) this.#fin = position + payload.length;
    const end = Math.min(position + payload.length, this.#edge, this.#fin < 0 ? Number.MAX_SAFE_INTEGER : this.#fin);
    if (position > this.#next) {
      if (end > position) this.#keep({ position, bytes: payload.slice(0, end - position) });
      return 'out-of-order';
    }
    const isNew = end > this.#next;
    if (isNew) this.#handOn(payload.slice(this.#next - position, end - position));
    this.#handOnKept();
    if (this.#next === this.#fin) {
      this.#next += 1;
      return 'in-order';
    }
    return isNew ? 'in-order' : 'duplicate';
  }

  /** Whether pieces wait for what is before them. */
  get hasGap(): boolean {
    return this.#pieces.length > 0;
  }

  #handOn(bytes: Uint8Array): void {
    this.#next += bytes.length;
    this.#held += bytes.length;
    this.#take(bytes);
  }

  #handOnKept(): void {
    while (this.#pieces.length > 0) {
      const { position, bytes } = this.#pieces[0] as Piece;
      if (position > this.#next) return;
      this.#pieces.shift();
      if (position + bytes.length > this.#next) this.#handOn(bytes.subarray(this.#next - position));
    }
  }

  /** Keeps a piece in its place. Pieces that lie within others are not kept, so that a guest can't fill memory with them. */
  #keep(piece: Piece): void {
    const end = piece.position + piece.bytes.length;
    const covers = (a: Piece): boolean => a.position <= piece.position && a.position + a.bytes.length >= end;
    if (this.#pieces.some(covers)) return;
    this.#pieces = this.#pieces.filter(({ position, bytes }) => position < piece.position || position + bytes.length > end);
    if (this.#pieces.length >= MOST_PIECES) return;
    const at = this.#pieces.findIndex(({ position }) => position > piece.position);
    this.#pieces.splice(at < 0 ? this.#pieces.length : at, 0, piece);
  }
}
