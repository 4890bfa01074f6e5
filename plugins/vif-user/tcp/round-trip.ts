const FIRST_MS = 1000;
const LEAST_MS = 200;
const MOST_MS = 60_000;

/** The retransmission timeout as RFC 6298 computes it. */
export class RoundTrip {
  #smoothed = 0;
  #variation = 0;
  #timeoutMs = FIRST_MS;
  #backoff = 1;

  /** For how long to wait for an acknowledgment. */
  get timeoutMs(): number {
    return Math.min(MOST_MS, this.#timeoutMs * this.#backoff);
  }

  /** Takes the time between a segment that was sent once and its acknowledgment. */
  sample(ms: number): void {
    if (this.#smoothed === 0) {
      this.#smoothed = Math.max(ms, 1);
      this.#variation = ms / 2;
    } else {
      this.#variation += (Math.abs(this.#smoothed - ms) - this.#variation) / 4;
      this.#smoothed += (ms - this.#smoothed) / 8;
    }
    this.#timeoutMs = Math.min(MOST_MS, Math.max(LEAST_MS, this.#smoothed + 4 * this.#variation));
  }

  /** The timeout has passed: the next one is twice as long. */
  backOff(): void {
    this.#backoff = Math.min(64, this.#backoff * 2);
  }

  /** Something was acknowledged. */
  progress(): void {
    this.#backoff = 1;
  }
}
