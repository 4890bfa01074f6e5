/** Duplicate acknowledgments that mean a loss. */
const DUPLICATES = 3;
const FIRST_SEGMENTS = 10;

/** What the sender has to do after an acknowledgment. */
export type CongestionAdvice = 'nothing' | 'retransmit';

/** How much may be under way: slow start, congestion avoidance and NewReno's recovery (RFC 5681, RFC 6582). */
export class Congestion {
  readonly #mss: number;
  #window: number;
  #threshold = Number.MAX_SAFE_INTEGER;
  #duplicates = 0;
  /** While it recovers: what had been sent when the loss was seen. */
  #recover = -1;

  constructor(mss: number) {
    this.#mss = mss;
    this.#window = FIRST_SEGMENTS * mss;
  }

  /** Bytes that may be under way. */
  get window(): number {
    return this.#window;
  }

  /** New data was acknowledged, up to `position`. */
  acknowledged(bytes: number, position: number): CongestionAdvice {
    this.#duplicates = 0;
    if (this.#recover >= 0) {
      if (position >= this.#recover) {
        this.#recover = -1;
        this.#window = this.#threshold;
        return 'nothing';
      }
      // A partial acknowledgment: the next hole begins here.
      this.#window = Math.max(this.#mss, this.#window - bytes + this.#mss);
      return 'retransmit';
    }
    if (this.#window < this.#threshold) this.#window += Math.min(bytes, 2 * this.#mss);
    else this.#window += Math.max(1, Math.floor((this.#mss * this.#mss) / this.#window));
    return 'nothing';
  }

  /** The same was acknowledged again, with `inFlight` bytes under way of which the last has position `sent`. */
  duplicate(inFlight: number, sent: number): CongestionAdvice {
    this.#duplicates += 1;
    if (this.#recover >= 0) {
      this.#window += this.#mss;
      return 'nothing';
    }
    if (this.#duplicates !== DUPLICATES) return 'nothing';
    this.#threshold = Math.max(Math.floor(inFlight / 2), 2 * this.#mss);
    this.#window = this.#threshold + DUPLICATES * this.#mss;
    this.#recover = sent;
    return 'retransmit';
  }

  /** The timeout has passed. */
  timedOut(inFlight: number): void {
    this.#threshold = Math.max(Math.floor(inFlight / 2), 2 * this.#mss);
    this.#window = this.#mss;
    this.#duplicates = 0;
    this.#recover = -1;
  }
}
