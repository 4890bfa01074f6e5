import { type FakeTime, SeededRandom } from '#sdk';
import { emptySegment, type OutgoingSegment, readSegment, type TcpSegment, writeSegment } from '../../../../plugins/vif-user/tcp/index.ts';

const MS = 1_000_000;

/** What happens to segments on their way. */
export interface LinkFaults {
  /** Parts of a thousand that get lost. */
  readonly lost?: number;
  /** Parts of a thousand that come twice. */
  readonly twice?: number;
  /** The longest delay beyond the least one of 1 ms, by which segments overtake each other. */
  readonly jitterMs?: number;
}

/** One direction of a link: segments become bytes, get lost, come twice, overtake each other. */
export class LossyLink {
  readonly #time: FakeTime;
  readonly #random: SeededRandom;
  readonly #faults: LinkFaults;
  readonly #deliver: (segment: TcpSegment) => void;
  /** Everything that was sent, as `SYN`, `ACK 100` and so on, for tests of what goes over the wire. */
  readonly sent: OutgoingSegment[] = [];
  /** A link that is cut loses everything. */
  isCut = false;

  constructor(time: FakeTime, deliver: (segment: TcpSegment) => void, { faults = {}, seed = 1 }: { faults?: LinkFaults; seed?: number } = {}) {
    this.#time = time;
    this.#deliver = deliver;
    this.#faults = faults;
    this.#random = new SeededRandom(seed);
  }

  /** Takes a segment of a connection; one that is to be cut is cut here, as a device would. */
  readonly send = (segment: OutgoingSegment): void => {
    this.sent.push({ ...segment });
    const part = Math.max(1, segment.segmentBytes);
    for (let at = 0; at < Math.max(1, segment.length); at += part) {
      const length = Math.min(part, segment.length - at);
      const isLast = at + length >= segment.length;
      const flags = isLast ? segment.flags : segment.flags & ~9;
      this.sendBytes(toBytes({ ...segment, sequence: (segment.sequence + at) >>> 0, offset: segment.offset + at, length: Math.max(0, length), flags }));
    }
  };

  /** Takes a segment as bytes. */
  sendBytes(bytes: Uint8Array): void {
    const { lost = 0, twice = 0, jitterMs = 0 } = this.#faults;
    if (this.isCut || this.#random.integer(0, 999) < lost) return;
    for (let copies = this.#random.integer(0, 999) < twice ? 2 : 1; copies > 0; copies--) {
      const timer = this.#time.timers.create(() => {
        const segment = emptySegment();
        if (!readSegment(bytes, 0, bytes.length, segment)) throw new Error('a segment cannot be read');
        this.#deliver(segment);
      });
      timer.arm(this.#time.clock.now() + MS + (jitterMs > 0 ? this.#random.integer(0, jitterMs * 1000) * 1000 : 0));
    }
  }
}

/** A segment as it goes over a wire. */
export function toBytes(segment: OutgoingSegment): Uint8Array {
  const bytes = new Uint8Array(70_000);
  return bytes.slice(0, writeSegment(segment, bytes, 0));
}
