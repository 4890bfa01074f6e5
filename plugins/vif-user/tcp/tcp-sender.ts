import type { Timer, TimerFactory, VirtualClock } from '#sdk';
import { Congestion } from './congestion.ts';
import { RoundTrip } from './round-trip.ts';
import { SendQueue } from './send-queue.ts';
import { DEFAULT_MSS, TcpFlag } from './tcp-segment.ts';

const MS = 1_000_000;
const MOST_TRIES = 10;
const MOST_SYN_TRIES = 5;
/** The longest payload that is handed over at once, to be cut by whoever can do that best. */
const MOST_BURST_BYTES = 60_000;

/** What the sending half of a connection works with. */
export interface TcpSenderParts {
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
  /** Bytes that may wait for their acknowledgment. */
  readonly capacity: number;
  /** Sends a segment from a position of the stream. */
  readonly emit: (position: number, length: number, flags: number) => void;
  /** Nobody has acknowledged anything for too long. */
  readonly gaveUp: () => void;
}

/**
 * The sending half of a connection. Positions count from 0, which is the SYN; data begins at 1; the FIN comes after the
 * last byte. They don't wrap around as sequence numbers do.
 */
export class TcpSender {
  /** Bytes from the first that is not acknowledged. */
  readonly queue: SendQueue;
  readonly #parts: TcpSenderParts;
  readonly #timer: Timer;
  readonly #roundTrip = new RoundTrip();
  #congestion = new Congestion(DEFAULT_MSS);
  #mss = DEFAULT_MSS;
  #synFlags = 0;
  #unacknowledged = 0;
  #next = 0;
  #sent = 0;
  #dataEnd = 1;
  #window = 0;
  #finQueued = false;
  #timed = -1;
  #timedAtNs = 0;
  #tries = 0;
  #probing = false;
  #armed = false;

  constructor(parts: TcpSenderParts) {
    this.#parts = parts;
    this.queue = new SendQueue(parts.capacity);
    this.#timer = parts.timers.create(() => this.#timedOut());
  }

  /** The first position that is not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** The position after all that was ever sent. */
  get sent(): number {
    return this.#sent;
  }

  /** The position that a segment without data carries. */
  get next(): number {
    return this.#next;
  }

  /** Whether the peer has acknowledged the FIN. */
  get finAcknowledged(): boolean {
    return this.#finQueued && this.#unacknowledged > this.#dataEnd;
  }

  /** Whether the FIN has been asked for. */
  get ending(): boolean {
    return this.#finQueued;
  }

  /** What one segment may hold. */
  get segmentBytes(): number {
    return this.#mss;
  }

  /** The peer has said what it takes in one segment. */
  limitSegments(mss: number): void {
    this.#mss = mss;
    this.#congestion = new Congestion(mss);
  }

  /** Sends the SYN, with other flags that go with it. */
  sendSyn(flags: number): void {
    this.#synFlags = TcpFlag.SYN | flags;
    this.#next = this.#sent = 1;
    this.#startTiming(1);
    this.#parts.emit(0, 0, this.#synFlags);
    this.#arm();
  }

  /** Takes bytes to be sent, as many as fit; how many those are. */
  write(bytes: Uint8Array): number {
    if (this.#finQueued) return 0;
    const taken = this.queue.write(bytes);
    this.#dataEnd += taken;
    this.transmit();
    return taken;
  }

  /** Sends a FIN after all that was written. */
  end(): void {
    if (this.#finQueued) return;
    this.#finQueued = true;
    this.transmit();
  }

  /** Stops all timers. */
  stop(): void {
    this.#timer.cancel();
    this.#armed = false;
  }

  /** The peer's window, with the acknowledgment of `position` that it came with. */
  setWindow(window: number): void {
    const opened = this.#window === 0 && window > 0;
    this.#window = window;
    if (!opened || !this.#probing) return;
    // The probe fell on a closed window: it is sent again with all that may follow it.
    this.#probing = false;
    this.#next = this.#unacknowledged;
  }

  /** Takes an acknowledgment; false when it is for what was never sent. */
  acknowledge(position: number, isDuplicate: boolean): boolean {
    if (position > this.#sent) return false;
    this.#tries = 0;
    if (position > this.#unacknowledged) this.#progress(position);
    else if (position === this.#unacknowledged && isDuplicate && this.#next > position) {
      if (this.#congestion.duplicate(this.#next - position, this.#sent) === 'retransmit') this.#retransmitFirst();
    }
    return true;
  }

  /** Sends what may be sent. */
  transmit(): void {
    if (this.#unacknowledged === 0) return;
    for (;;) {
      const length = this.#sendable();
      const hasFin = this.#finQueued && this.#next + length === this.#dataEnd;
      // A FIN may go out beside a window that is full, as long as it is open.
      if (length === 0 && !(hasFin && this.#window > 0)) break;
      this.#send(length, hasFin);
    }
    if (this.#next > this.#unacknowledged || this.#next < this.#end()) this.#arm();
  }

  #end(): number {
    return this.#dataEnd + (this.#finQueued ? 1 : 0);
  }

  #limit(): number {
    return this.#unacknowledged + Math.min(this.#window, this.#congestion.window);
  }

  #sendable(): number {
    const rest = this.#dataEnd - this.#next;
    const length = Math.min(rest, this.#limit() - this.#next, Math.max(this.#mss, MOST_BURST_BYTES - (MOST_BURST_BYTES % this.#mss)));
    if (length <= 0) return 0;
    // Not a part of a segment as long as an acknowledgment will make room for the whole (RFC 9293, 3.8.6.2.1).
    const isWhole = length >= this.#mss || length === rest;
    if (isWhole) return length > this.#mss && length < rest ? length - (length % this.#mss) : length;
    return this.#next > this.#unacknowledged ? 0 : length;
  }

  #send(length: number, hasFin: boolean): void {
    const position = this.#next;
    const isLast = position + length === this.#dataEnd;
    this.#next = position + length + (hasFin ? 1 : 0);
    if (this.#next > this.#sent) {
      this.#sent = this.#next;
      this.#startTiming(this.#next);
    }
    this.#parts.emit(position, length, TcpFlag.ACK | (isLast && length > 0 ? TcpFlag.PSH : 0) | (hasFin ? TcpFlag.FIN : 0));
  }

  #progress(position: number): void {
    const bytes = position - this.#unacknowledged;
    this.queue.drop(Math.min(position, this.#dataEnd) - Math.max(this.#unacknowledged, 1));
    this.#unacknowledged = position;
    this.#next = Math.max(this.#next, position);
    this.#probing = false;
    this.#roundTrip.progress();
    if (this.#timed >= 0 && position >= this.#timed) {
      this.#roundTrip.sample((this.#parts.clock.now() - this.#timedAtNs) / MS);
      this.#timed = -1;
    }
    this.stop();
    if (this.#congestion.acknowledged(bytes, position) === 'retransmit') this.#retransmitFirst();
    if (this.#sent > position) this.#arm();
  }

  #retransmitFirst(): void {
    this.#timed = -1;
    const at = this.#unacknowledged;
    const length = Math.min(this.#mss, this.#dataEnd - at);
    const hasFin = this.#finQueued && at + length === this.#dataEnd && this.#sent > this.#dataEnd;
    if (length > 0 || hasFin) this.#parts.emit(at, Math.max(0, length), TcpFlag.ACK | (hasFin ? TcpFlag.FIN : 0));
  }

  /** Times one segment at a time, and none that is sent again (Karn). */
  #startTiming(end: number): void {
    if (this.#timed >= 0) return;
    this.#timed = end;
    this.#timedAtNs = this.#parts.clock.now();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#timer.arm(this.#parts.clock.now() + this.#roundTrip.timeoutMs * MS);
  }

  #timedOut(): void {
    this.#armed = false;
    this.#roundTrip.backOff();
    this.#timed = -1;
    this.#tries += 1;
    if (this.#tries > (this.#unacknowledged === 0 ? MOST_SYN_TRIES : MOST_TRIES)) {
      this.#parts.gaveUp();
      return;
    }
    if (this.#unacknowledged === 0) this.#parts.emit(0, 0, this.#synFlags);
    else if (this.#window === 0) this.#probe();
    else {
      this.#congestion.timedOut(this.#next - this.#unacknowledged);
      this.#next = this.#unacknowledged;
      this.transmit();
    }
    this.#arm();
  }

  /** Asks a peer whose window is closed whether it still is, by one byte that it need not take. */
  #probe(): void {
    this.#probing = true;
    this.#next = this.#unacknowledged;
    const length = Math.min(1, this.#dataEnd - this.#next);
    if (length > 0 || this.#finQueued) this.#send(length, this.#finQueued && this.#next + length === this.#dataEnd);
  }
}
