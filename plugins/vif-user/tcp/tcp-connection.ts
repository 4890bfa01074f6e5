import type { Timer, TimerFactory, VirtualClock } from '#sdk';
import { outgoingSegment, type SegmentSender } from './outgoing-segment.ts';
import { TcpFlag, type TcpSegment } from './tcp-segment.ts';
import { TcpReceiver } from './tcp-receiver.ts';
import { TcpSender } from './tcp-sender.ts';

const MS = 1_000_000;
const DELAYED_ACK_NS = 20 * MS;
const TIME_WAIT_NS = 10_000 * MS;
/** For how long a peer that was told that all is over may leave its own half open. */
const HALF_CLOSED_NS = 60_000 * MS;
const WINDOW_SCALE = 4;

/** How a connection ended: both sides were done, one of them reset it, or the peer did not answer. */
export type TcpEnd = 'done' | 'reset' | 'timeout';

/** What the owner of a connection is told. */
export interface TcpEvents {
  /** The peer has agreed to the connection. */
  established?(): void;
  /** Bytes have come; they are the owner's. It tells by `consumed` when they are used. */
  data(bytes: Uint8Array): void;
  /** The peer sends nothing more. */
  ended(): void;
  /** Some of what was written is acknowledged: `write` takes more. */
  writable(): void;
  /** The connection is over; nothing follows. */
  closed(end: TcpEnd): void;
}

/** Who uses a connection. */
export interface TcpOwner extends TcpEvents {
  /** The connection is made, and nothing has been sent. */
  join(connection: TcpConnection): void;
}

/** What a connection is made of. */
export interface TcpSettings {
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
  readonly send: SegmentSender;
  readonly events: TcpEvents;
  /** The first sequence number. */
  readonly initialSequence: number;
  /** The longest payload that the link carries. */
  readonly mss: number;
  /** Bytes that are kept in each direction. */
  readonly bufferBytes: number;
}

type Phase = 'new' | 'syn-sent' | 'syn-received' | 'open' | 'time-wait' | 'closed';

/** One end of a TCP connection (RFC 9293), without ports or addresses: those are its owner's. */
export class TcpConnection {
  readonly #settings: TcpSettings;
  readonly #sender: TcpSender;
  readonly #receiver: TcpReceiver;
  readonly #segment = outgoingSegment();
  readonly #ackTimer: Timer;
  readonly #endTimer: Timer;
  #phase: Phase = 'new';
  #peerSequence = 0;
  #peerScale = -1;
  #peerWindow = 0;
  /** Position of the segment that told of the window: older ones say nothing about it. */
  #windowFrom = 0;
  #unconfirmed = 0;
  #ackArmed = false;
  #finTold = false;
  #abandoned = false;

  constructor(settings: TcpSettings) {
    this.#settings = settings;
    const { clock, timers, bufferBytes, events } = settings;
    this.#receiver = new TcpReceiver(bufferBytes, (bytes) => events.data(bytes));
    this.#sender = new TcpSender({
      clock,
      timers,
      capacity: bufferBytes,
      emit: (position, length, flags) => this.#emit(position, length, flags),
      gaveUp: () => this.#giveUp(),
    });
    this.#ackTimer = timers.create(() => {
      this.#ackArmed = false;
      this.#acknowledge();
    });
    this.#endTimer = timers.create(() => (this.#phase === 'time-wait' ? this.#close('done') : this.#giveUp()));
  }

  /** Whether nothing can come or go any more. */
  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  /** Whether it only waits for stray segments. */
  get isWaiting(): boolean {
    return this.#phase === 'time-wait';
  }

  /** Bytes that `write` would take now. */
  get room(): number {
    return this.#sender.ending ? 0 : this.#sender.queue.room;
  }

  /** Asks the peer for a connection. */
  open(): void {
    this.#phase = 'syn-sent';
    this.#sender.sendSyn(0);
  }

  /** Takes note of the peer's SYN; nothing is answered before `confirm`. */
  accept(syn: TcpSegment): void {
    this.#takeSyn(syn);
    this.#peerWindow = syn.window;
  }

  /** Agrees to the connection that the peer asked for. */
  confirm(): void {
    if (this.#phase !== 'new') return;
    this.#phase = 'syn-received';
    this.#sender.setWindow(this.#peerWindow);
    this.#sender.sendSyn(TcpFlag.ACK);
  }

  /** Takes bytes to be sent, as many as there is room for; how many those are. */
  write(bytes: Uint8Array): number {
    return this.#phase === 'closed' || this.#phase === 'time-wait' ? 0 : this.#sender.write(bytes);
  }

  /** Bytes that were handed over have been used: the peer may send more. */
  consumed(length: number): void {
    this.#receiver.consumed(length);
    const worthwhile = Math.min(2 * this.#sender.segmentBytes, this.#settings.bufferBytes / 2);
    if (this.#phase === 'open' && !this.#receiver.finished && this.#receiver.gain >= worthwhile) this.#acknowledge();
  }

  /** Sends nothing more after what was written. */
  end(): void {
    if (this.#phase === 'closed') return;
    this.#sender.end();
    if (this.#abandoned) this.#endTimer.arm(this.#settings.clock.now() + HALF_CLOSED_NS);
  }

  /** The owner takes nothing more either: a peer that never closes its half does not keep the connection. */
  abandon(): void {
    if (this.#phase === 'closed') return;
    this.#abandoned = true;
    this.end();
  }

  /** Breaks the connection. */
  reset(): void {
    if (this.#phase === 'closed') return;
    this.#sendBare(this.#sender.next, this.#phase === 'syn-sent' ? TcpFlag.RST : TcpFlag.RST | TcpFlag.ACK);
    this.#close('reset');
  }

  /** Takes a segment of this connection. */
  receive(segment: TcpSegment): void {
    switch (this.#phase) {
      case 'closed':
        break;
      case 'new':
        if ((segment.flags & TcpFlag.RST) !== 0) this.#close('reset');
        break;
      case 'syn-sent':
        this.#receiveSynSent(segment);
        break;
      default:
        this.#receiveSynchronised(segment);
    }
  }

  #receiveSynchronised(segment: TcpSegment): void {
    const position = this.#receiver.next + ((segment.sequence - this.#peerSequence - this.#receiver.next) | 0);
    if (!this.#isOrdinary(segment, position) || !this.#isAcceptable(segment, position)) return;
    if (!this.#takeAcknowledgment(segment, position)) return;
    this.#takePayload(segment, position);
    this.#sender.transmit();
    this.#answerPayload();
    this.#finishWhenDone();
  }

  #receiveSynSent(segment: TcpSegment): void {
    const { flags, acknowledgment } = segment;
    const hasAck = (flags & TcpFlag.ACK) !== 0;
    const acknowledges = hasAck && ((acknowledgment - this.#settings.initialSequence) | 0) === 1;
    if (hasAck && !acknowledges) {
      if ((flags & TcpFlag.RST) === 0) this.#sendRaw(acknowledgment, TcpFlag.RST);
      return;
    }
    if ((flags & TcpFlag.RST) !== 0) {
      if (acknowledges) this.#close('reset');
      return;
    }
    if ((flags & TcpFlag.SYN) === 0) return;
    this.#takeSyn(segment);
    if (!acknowledges) {
      // Both ends have asked at the same time.
      this.#phase = 'syn-received';
      this.#sender.sendSyn(TcpFlag.ACK);
      return;
    }
    this.#establish(segment);
    this.#acknowledge();
  }

  #takeSyn({ sequence, mss, windowScale }: TcpSegment): void {
    this.#peerSequence = sequence;
    this.#peerScale = windowScale;
    this.#sender.limitSegments(Math.min(mss, this.#settings.mss));
    this.#receiver.offer(1);
  }

  #establish(segment: TcpSegment): void {
    this.#phase = 'open';
    this.#sender.acknowledge(1, false);
    // The window of a SYN is never scaled.
    this.#peerWindow = (segment.flags & TcpFlag.SYN) !== 0 ? segment.window : this.#scaled(segment.window);
    this.#sender.setWindow(this.#peerWindow);
    this.#settings.events.established?.();
    this.#sender.transmit();
  }

  /** Deals with resets and SYNs, of which nothing else is taken (RFC 9293, 3.10.7.4; RFC 5961). */
  #isOrdinary({ flags }: TcpSegment, position: number): boolean {
    const { next, edge } = this.#receiver;
    if ((flags & TcpFlag.RST) !== 0) {
      if (position === next) this.#close('reset');
      else if (position > next && position < edge) this.#acknowledge();
      return false;
    }
    if ((flags & TcpFlag.SYN) !== 0) {
      // Our answer to the SYN was lost, or somebody guesses.
      if (this.#phase === 'syn-received' && position === 0) this.#emit(0, 0, TcpFlag.SYN | TcpFlag.ACK);
      else this.#acknowledge();
      return false;
    }
    return (flags & TcpFlag.ACK) !== 0;
  }

  /** Whether a segment lies in the window. What does not is answered by where the window is. */
  #isAcceptable({ flags, length }: TcpSegment, position: number): boolean {
    const { next, edge } = this.#receiver;
    const end = position + length + (flags & TcpFlag.FIN);
    const isOld = position < next && end <= next;
    // An acknowledgment that was overtaken by data still counts.
    const isLate = isOld && end === position;
    const isInside = !isOld && (position < edge || position === next);
    // One byte before the window it asks whether we live.
    if (!isInside && !(isLate && position !== next - 1)) this.#acknowledge();
    return isInside || isLate;
  }

  #takeAcknowledgment(segment: TcpSegment, from: number): boolean {
    const { unacknowledged } = this.#sender;
    const position = unacknowledged + ((segment.acknowledgment - this.#settings.initialSequence - unacknowledged) | 0);
    if (this.#phase === 'syn-received') {
      if (position < 1 || position > this.#sender.sent) {
        this.#sendRaw(segment.acknowledgment, TcpFlag.RST);
        return false;
      }
      this.#windowFrom = from;
      this.#establish(segment);
      return true;
    }
    const window = this.#scaled(segment.window);
    const isDuplicate = segment.length === 0 && window === this.#peerWindow && (segment.flags & TcpFlag.FIN) === 0;
    if (!this.#sender.acknowledge(position, isDuplicate)) {
      this.#acknowledge();
      return false;
    }
    if (position >= unacknowledged && from >= this.#windowFrom) {
      this.#windowFrom = from;
      this.#peerWindow = window;
      this.#sender.setWindow(window);
    }
    if (position > unacknowledged && this.#sender.queue.room > 0 && !this.#sender.ending) this.#settings.events.writable();
    return true;
  }

  #takePayload({ bytes, payload, length, flags }: TcpSegment, position: number): void {
    const isLast = (flags & TcpFlag.FIN) !== 0;
    if ((length === 0 && !isLast) || this.#receiver.finished || this.isClosed) return;
    const hadGap = this.#receiver.hasGap;
    const result = this.#receiver.receive(position, bytes.subarray(payload, payload + length), isLast);
    // A gap, its end, a duplicate and a FIN are answered at once, so that the peer learns of losses.
    const isPlain = result === 'in-order' && !hadGap && !this.#receiver.finished;
    this.#unconfirmed += isPlain ? length : Number.POSITIVE_INFINITY;
  }

  #answerPayload(): void {
    if (this.#phase === 'closed' || this.#unconfirmed === 0) return;
    if (this.#unconfirmed >= 2 * this.#sender.segmentBytes) this.#acknowledge();
    else if (!this.#ackArmed) {
      this.#ackArmed = true;
      this.#ackTimer.arm(this.#settings.clock.now() + DELAYED_ACK_NS);
    }
  }

  #finishWhenDone(): void {
    if (this.#phase !== 'open') return;
    const { finished } = this.#receiver;
    const weClosedFirst = !this.#finTold && this.#sender.ending;
    if (finished && !this.#finTold) {
      this.#finTold = true;
      this.#settings.events.ended();
    }
    if (!finished || !this.#sender.finAcknowledged || this.isClosed) return;
    if (!weClosedFirst) {
      this.#close('done');
      return;
    }
    this.#phase = 'time-wait';
    this.#sender.stop();
    this.#endTimer.arm(this.#settings.clock.now() + TIME_WAIT_NS);
  }

  #scaled(window: number): number {
    return this.#peerScale > 0 ? window * 2 ** this.#peerScale : window;
  }

  #giveUp(): void {
    this.#sendBare(this.#sender.next, TcpFlag.RST | TcpFlag.ACK);
    this.#close('timeout');
  }

  #close(end: TcpEnd): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#sender.stop();
    this.#ackTimer.cancel();
    this.#endTimer.cancel();
    this.#settings.events.closed(end);
  }

  #acknowledge(): void {
    this.#emit(this.#sender.next, 0, TcpFlag.ACK);
  }

  #emit(position: number, length: number, flags: number): void {
    if (this.#phase === 'closed') return;
    const segment = this.#segment;
    const isSyn = (flags & TcpFlag.SYN) !== 0;
    segment.queue = length > 0 ? this.#sender.queue : undefined;
    segment.offset = position - Math.max(1, this.#sender.unacknowledged);
    segment.length = length;
    segment.segmentBytes = this.#sender.segmentBytes;
    segment.mss = this.#settings.mss;
    segment.windowScale = isSyn && this.#phase !== 'syn-sent' && this.#peerScale < 0 ? -1 : WINDOW_SCALE;
    this.#sendBare(position, flags);
    segment.queue = undefined;
    segment.length = 0;
  }

  /** Sends the segment with what all segments carry. */
  #sendBare(position: number, flags: number): void {
    if ((flags & TcpFlag.ACK) !== 0) this.#confirmReceived();
    this.#sendRaw(this.#settings.initialSequence + position, flags);
  }

  #sendRaw(sequence: number, flags: number): void {
    const segment = this.#segment;
    const hasAck = (flags & TcpFlag.ACK) !== 0;
    segment.sequence = sequence >>> 0;
    segment.acknowledgment = hasAck ? (this.#peerSequence + this.#receiver.next) >>> 0 : 0;
    segment.flags = flags;
    segment.window = this.#ownWindow((flags & TcpFlag.SYN) !== 0);
    this.#settings.send(segment);
  }

  #confirmReceived(): void {
    this.#unconfirmed = 0;
    if (!this.#ackArmed) return;
    this.#ackArmed = false;
    this.#ackTimer.cancel();
  }

  #ownWindow(isSyn: boolean): number {
    const scale = isSyn || this.#peerScale < 0 ? 0 : WINDOW_SCALE;
    const offered = this.#receiver.offer(2 ** scale);
    return Math.min(0xffff, Math.floor(offered / 2 ** scale));
  }
}
