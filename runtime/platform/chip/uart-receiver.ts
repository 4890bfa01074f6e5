const DATA_READY = 0x01;
const OVERRUN = 0x02;
/** Marks a byte in the FIFO that came by loopback and has no sender to go back to. */
const LOOPED = 0x100;
const FIFO_DEPTH = 16;
const TRIGGERS = [1, 4, 8, 14];

/**
 * The receive side of a 16550A: its FIFO, and behind it the bytes that the other end has still to
 * send. The other end waits for room, as with flow control, so that nothing typed is lost.
 */
export class UartReceiver {
  #fifo: number[] = [];
  #waiting: number[] = [];
  /** Bytes at the start of `#waiting` that are in the FIFO already or were read. */
  #sent = 0;
  #fifoEnabled = false;
  #trigger = 1;
  #overrun = false;
  #lastByte = 0;

  /** The bytes that the guest can read now. */
  get level(): number {
    return this.#fifo.length;
  }

  /** Whether there are bytes still to be sent. */
  get hasWaiting(): boolean {
    return this.#waiting.length > this.#sent;
  }

  /** Whether the FIFO holds as much as the guest wants before it is interrupted. */
  get atTrigger(): boolean {
    return this.#fifo.length >= (this.#fifoEnabled ? this.#trigger : 1);
  }

  /** Takes FCR. A FIFO cleared or switched gives what it held back to the sender. */
  configure(fcr: number): void {
    const enabled = (fcr & 1) !== 0;
    if (enabled !== this.#fifoEnabled || (enabled && fcr & 2)) {
      const kept = this.#fifo.filter((entry) => (entry & LOOPED) === 0);
      this.#waiting = [...kept, ...this.#waiting.slice(this.#sent)];
      this.#sent = 0;
      this.#fifo = [];
    }
    this.#fifoEnabled = enabled;
    this.#trigger = TRIGGERS[fcr >> 6] ?? 1;
  }

  /** Bytes from the other end. */
  enqueue(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#waiting.push(byte & 0xff);
  }

  /** Lets waiting bytes in while there is room. */
  fill(): void {
    while (this.hasWaiting && this.#fifo.length < this.#depth()) {
      this.#fifo.push(this.#waiting[this.#sent] ?? 0);
      this.#sent += 1;
    }
    if (this.hasWaiting) return;
    this.#waiting = [];
    this.#sent = 0;
  }

  /** A byte that doesn't wait (loopback): without room it is lost, as an overrun. */
  force(byte: number): void {
    if (this.#fifo.length < this.#depth()) this.#fifo.push(byte | LOOPED);
    else {
      this.#overrun = true;
      // Without FIFO the new character replaces the one that nobody read.
      if (!this.#fifoEnabled) this.#fifo[0] = byte | LOOPED;
    }
  }

  /** Takes the next byte. With none there, a FIFO gives 0 and the plain register its old content. */
  take(): number {
    const entry = this.#fifo.shift();
    if (entry === undefined) return this.#fifoEnabled ? 0 : this.#lastByte;
    this.#lastByte = entry & 0xff;
    return this.#lastByte;
  }

  /** Receive bits of the line status. */
  status(): number {
    return (this.#fifo.length > 0 ? DATA_READY : 0) | (this.#overrun ? OVERRUN : 0);
  }

  /** Forgets the errors, as reading the line status does. */
  clearErrors(): void {
    this.#overrun = false;
  }

  #depth(): number {
    return this.#fifoEnabled ? FIFO_DEPTH : 1;
  }
}
