import type { BackendHost } from '#sdk';
import { outgoingSegment, TcpFlag, type TcpSegment } from '../../../../plugins/vif-user/tcp/index.ts';
import { toBytes } from './lossy-link.ts';

const MS = 1_000_000;

/** How the model behaves. */
export interface ModelSettings {
  readonly time: Pick<BackendHost, 'clock' | 'timers'>;
  readonly send: (bytes: Uint8Array) => void;
  readonly initialSequence: number;
  readonly mss?: number;
  /** Windows are scaled by this; -1 for a peer without the option. */
  readonly scale?: number;
  /** The window that it offers. */
  readonly window?: number;
}

/**
 * The simplest peer that speaks TCP: it keeps everything that comes by its place in the stream, says after each segment
 * how far it has everything, and sends all that is not acknowledged again and again.
 */
export class ModelPeer {
  readonly received: number[] = [];
  state: 'closed' | 'syn-sent' | 'listening' | 'open' = 'closed';
  wasReset = false;
  peerEnded = false;
  peerWindow = 0;
  window: number;
  readonly #settings: Required<ModelSettings>;
  readonly #early = new Map<number, number>();
  #peerSequence = 0;
  #peerFin = -1;
  #expected = 0;
  #out: number[] = [];
  #fin = false;
  #acknowledged = 0;
  #sentSyn = false;
  #peerScale = 0;
  #timerOn = false;

  constructor(settings: ModelSettings) {
    this.#settings = { mss: 1460, scale: 7, window: 64_000, ...settings };
    this.window = this.#settings.window;
  }

  get allAcknowledged(): boolean {
    return this.#acknowledged >= 1 + this.#out.length + (this.#fin ? 1 : 0);
  }

  open(): void {
    this.state = 'syn-sent';
    this.#sentSyn = true;
    this.#resend();
  }

  listen(): void {
    this.state = 'listening';
  }

  write(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#out.push(byte);
    this.#resend();
  }

  end(): void {
    this.#fin = true;
    this.#resend();
  }

  /** Says again how far it has come, and by that the window. */
  acknowledge(): void {
    const end = this.#sendable();
    this.#put(1 + end + (this.#fin && end === this.#out.length ? 1 : 0), [], TcpFlag.ACK);
  }

  receive(segment: TcpSegment): void {
    const { flags, sequence } = segment;
    if (this.state === 'closed') return;
    if ((flags & TcpFlag.RST) !== 0) {
      this.wasReset = true;
      this.state = 'closed';
      return;
    }
    if ((flags & TcpFlag.SYN) !== 0) {
      if (this.#expected === 0) {
        this.#peerSequence = sequence;
        this.#expected = 1;
        this.#peerScale = this.#settings.scale >= 0 ? Math.max(0, segment.windowScale) : 0;
        this.#sentSyn = true;
        this.state = 'open';
      }
      this.#takeAck(segment);
      this.#resend();
      this.acknowledge();
      return;
    }
    if (this.state !== 'open') return;
    this.#takeAck(segment);
    const place = (sequence - this.#peerSequence) | 0;
    if (this.window === 0 && segment.length > 0) {
      this.acknowledge();
      return;
    }
    for (let i = 0; i < segment.length; i++) this.#early.set(place + i, segment.bytes[segment.payload + i] as number);
    if ((flags & TcpFlag.FIN) !== 0) this.#peerFin = place + segment.length;
    for (let byte = this.#early.get(this.#expected); byte !== undefined; byte = this.#early.get(this.#expected)) {
      this.#early.delete(this.#expected);
      this.received.push(byte);
      this.#expected += 1;
    }
    if (this.#expected === this.#peerFin && !this.peerEnded) {
      this.peerEnded = true;
      this.#expected += 1;
    }
    if (segment.length > 0 || (flags & TcpFlag.FIN) !== 0) this.acknowledge();
  }

  #takeAck({ flags, acknowledgment, window }: TcpSegment): void {
    if ((flags & TcpFlag.ACK) === 0) return;
    const place = (acknowledgment - this.#settings.initialSequence) | 0;
    if (place < this.#acknowledged) return;
    const moved = place > this.#acknowledged;
    this.#acknowledged = place;
    this.peerWindow = window * 2 ** ((flags & TcpFlag.SYN) !== 0 ? 0 : this.#peerScale);
    if (moved && !this.allAcknowledged) this.#resend();
  }

  /** Bytes that the peer has room for. */
  #sendable(): number {
    return Math.min(this.#out.length, Math.max(0, this.#acknowledged - 1) + this.peerWindow);
  }

  #resend(): void {
    if (this.state === 'closed' || this.wasReset) return;
    if (this.#sentSyn && this.#acknowledged === 0) this.#put(0, [], TcpFlag.SYN | (this.#expected > 0 ? TcpFlag.ACK : 0));
    else if (this.state === 'open') {
      const { mss } = this.#settings;
      const end = this.#sendable();
      const from = Math.max(0, this.#acknowledged - 1);
      for (let at = from; at < Math.min(end, from + 20 * mss); at += mss) this.#put(1 + at, this.#out.slice(at, Math.min(end, at + mss)), TcpFlag.ACK);
      if (this.#fin && end === this.#out.length) this.#put(1 + end, [], TcpFlag.ACK | TcpFlag.FIN);
    }
    if (!this.#timerOn && !this.allAcknowledged) {
      this.#timerOn = true;
      const timer = this.#settings.time.timers.create(() => {
        this.#timerOn = false;
        if (!this.allAcknowledged) this.#resend();
      });
      timer.arm(this.#settings.time.clock.now() + 250 * MS);
    }
  }

  #put(place: number, payload: readonly number[], flags: number): void {
    const { initialSequence, mss, scale, send } = this.#settings;
    const isSyn = (flags & TcpFlag.SYN) !== 0;
    const head = toBytes({
      ...outgoingSegment(),
      sequence: (initialSequence + place) >>> 0,
      acknowledgment: (flags & TcpFlag.ACK) !== 0 ? (this.#peerSequence + this.#expected) >>> 0 : 0,
      flags,
      window: Math.min(0xffff, isSyn || scale < 0 ? this.window : this.window >> scale),
      mss,
      windowScale: isSyn ? scale : -1,
    });
    send(Uint8Array.from([...head, ...payload]));
  }
}
