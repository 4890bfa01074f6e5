import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeTime } from '#sdk';
import { TcpConnection, type TcpEnd, TcpFlag } from '../../../../plugins/vif-user/tcp/index.ts';
import { type LinkFaults, LossyLink } from './lossy-link.ts';
import { ModelPeer } from './model-peer.ts';

const SECOND = 1_000_000_000;
const MS = 1_000_000;

interface SetupOptions {
  faults?: LinkFaults;
  seed?: number;
  own?: number;
  peer?: number;
  mss?: number;
  scale?: number;
  window?: number;
  bufferBytes?: number;
  hold?: boolean;
}

/** A connection and the model peer, on a link of two directions. */
function setup({
  faults = {},
  seed = 1,
  own = 0xffff_ff00,
  peer = 0x7fff_fff0,
  mss = 1460,
  scale = 7,
  window = 64_000,
  bufferBytes = 65_536,
  hold = false,
}: SetupOptions = {}) {
  const time = new FakeTime();
  const seen = { bytes: [] as number[], ended: 0, established: 0, writable: 0, closed: [] as TcpEnd[], held: 0 };
  const there: LossyLink = new LossyLink(time, (segment) => model.receive(segment), { faults, seed });
  const back: LossyLink = new LossyLink(time, (segment) => receive(segment), { faults, seed: seed + 1000 });
  const connection: TcpConnection = new TcpConnection({
    clock: time.clock,
    timers: time.timers,
    send: there.send,
    initialSequence: own,
    mss: 1460,
    bufferBytes,
    events: {
      established: () => void seen.established++,
      data: (bytes) => {
        seen.bytes.push(...bytes);
        if (hold) seen.held += bytes.length;
        else connection.consumed(bytes.length);
      },
      ended: () => void seen.ended++,
      writable: () => {
        seen.writable++;
        pour();
      },
      closed: (end) => void seen.closed.push(end),
    },
  });
  let rest = new Uint8Array(0);
  let isEnd = false;
  const pour = (): void => {
    rest = rest.subarray(connection.write(rest));
    if (rest.length === 0 && isEnd) connection.end();
  };
  /** Writes as much as fits, the rest when there is room, and then perhaps ends. */
  const write = (bytes: Uint8Array, end = false): void => {
    rest = Uint8Array.from([...rest, ...bytes]);
    isEnd = end;
    pour();
  };
  const model = new ModelPeer({ time, send: (bytes) => back.sendBytes(bytes), initialSequence: peer, mss, scale, window });
  let asked = false;
  const receive: typeof connection.receive = (segment) => {
    // The owner of connections accepts the first SYN, as for a connection of a guest.
    if (!asked && model.state === 'syn-sent' && segment.flags === TcpFlag.SYN) {
      asked = true;
      connection.accept(segment);
      connection.confirm();
    } else connection.receive(segment);
  };
  return { time, seen, there, back, connection, model, write };
}

const pattern = (length: number, step = 7): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * step + (i >> 8)) & 0xff);

describe('a connection', () => {
  it('opens when the peer asks, carries bytes both ways, and closes from either side', () => {
    const { time, seen, model, write } = setup();
    model.open();
    time.advance(SECOND);
    expect(seen.established).toBe(1);
    model.write(pattern(5000));
    write(pattern(7000, 3), true);
    time.advance(SECOND);
    expect(seen.bytes).toEqual([...pattern(5000)]);
    expect(model.received).toEqual([...pattern(7000, 3)]);
    expect([model.peerEnded, seen.ended]).toEqual([true, 0]);
    // The other half is still open.
    model.write(pattern(100));
    model.end();
    time.advance(SECOND);
    expect([seen.bytes.length, seen.ended, model.allAcknowledged]).toEqual([5100, 1, true]);
    expect(seen.closed).toEqual([]);
    time.advance(20 * SECOND);
    expect(seen.closed).toEqual(['done']);
    expect(time.armed).toBe(0);
  });

  it('opens towards a peer that listens, and is over at once when that closes first', () => {
    const { time, seen, model, connection, write } = setup();
    model.listen();
    connection.open();
    time.advance(SECOND);
    expect(seen.established).toBe(1);
    model.end();
    time.advance(SECOND);
    expect(seen.ended).toBe(1);
    write(pattern(3000), true);
    time.advance(SECOND);
    expect(model.received).toEqual([...pattern(3000)]);
    expect(seen.closed).toEqual(['done']);
    expect(time.armed).toBe(0);
  });

  it('opens when both ask at the same time', () => {
    const { time, seen, model, connection, write } = setup();
    model.state = 'syn-sent';
    connection.open();
    model.open();
    time.advance(5 * SECOND);
    write(pattern(10));
    time.advance(SECOND);
    expect(seen.established).toBe(1);
    expect(model.received).toEqual([...pattern(10)]);
  });

  it('carries everything through a link that loses, repeats and reorders, across the wrap of sequence numbers', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(),
          lost: fc.integer({ min: 0, max: 250 }),
          twice: fc.integer({ min: 0, max: 200 }),
          jitterMs: fc.integer({ min: 0, max: 40 }),
          out: fc.integer({ min: 0, max: 60_000 }),
          back: fc.integer({ min: 0, max: 60_000 }),
          mss: fc.constantFrom(536, 1000, 1460, 9000),
          scale: fc.constantFrom(-1, 0, 7),
          own: fc.nat({ max: 0xffff_ffff }),
          peer: fc.nat({ max: 0xffff_ffff }),
          active: fc.boolean(),
        }),
        ({ seed, lost, twice, jitterMs, out, back, mss, scale, own, peer, active }) => {
          const { time, seen, model, connection, write } = setup({ faults: { lost, twice, jitterMs }, seed, mss, scale, own, peer, bufferBytes: 16_384 });
          if (active) {
            model.listen();
            connection.open();
          } else model.open();
          write(pattern(out), true);
          model.write(pattern(back, 11));
          model.end();
          for (let i = 0; i < 600 && !(model.peerEnded && seen.ended > 0 && model.allAcknowledged); i++) time.advance(SECOND);
          expect(Buffer.from(seen.bytes).equals(pattern(back, 11))).toBe(true);
          expect(Buffer.from(model.received).equals(pattern(out))).toBe(true);
          expect([seen.ended, model.wasReset]).toEqual([1, false]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('retransmission', () => {
  it('waits twice as long each time, and gives up with a reset', () => {
    const { time, seen, model, there, connection, write } = setup();
    model.open();
    time.advance(SECOND);
    there.isCut = true;
    const before = there.sent.length;
    write(pattern(10));
    const times: number[] = [];
    for (let i = 0; i < 40_000 && seen.closed.length === 0; i++) {
      const count = there.sent.length;
      time.advance(10 * MS);
      if (there.sent.length > count) times.push(time.clock.now() / MS);
    }
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
    expect(gaps.slice(0, 5)).toEqual([400, 800, 1600, 3200, 6400]);
    expect(seen.closed).toEqual(['timeout']);
    expect(connection.isClosed).toBe(true);
    expect(there.sent.at(-1)?.flags).toBe(TcpFlag.RST | TcpFlag.ACK);
    expect(there.sent.length - before).toBe(12);
    expect(time.armed).toBe(0);
  });

  it('sends a lost segment again after three duplicate acknowledgments, long before the timeout', () => {
    const { time, model, there, write } = setup();
    model.open();
    time.advance(SECOND);
    const realSend = there.sendBytes.bind(there);
    let count = 0;
    there.sendBytes = (bytes) => {
      if (bytes.length > 100 && count++ === 2) return;
      realSend(bytes);
    };
    write(pattern(12_000));
    time.advance(20 * MS);
    expect(model.received).toEqual([...pattern(12_000)]);
  });

  it('asks a peer that never answers a few times, then gives up', () => {
    const { time, seen, there, connection } = setup();
    connection.open();
    time.advance(200 * SECOND);
    expect(there.sent.filter(({ flags }) => flags === TcpFlag.SYN).length).toBe(6);
    expect(seen.closed).toEqual(['timeout']);
  });
});

describe('windows', () => {
  it('stop the peer while nobody takes the bytes, and open again', () => {
    const { time, seen, model, connection } = setup({ hold: true, bufferBytes: 16_384 });
    model.open();
    time.advance(SECOND);
    model.write(pattern(50_000));
    time.advance(5 * SECOND);
    expect(seen.bytes.length).toBe(16_384);
    expect(model.peerWindow).toBe(0);
    for (let i = 0; i < 20; i++) {
      connection.consumed(seen.held);
      seen.held = 0;
      time.advance(SECOND);
    }
    expect(seen.bytes).toEqual([...pattern(50_000)]);
  });

  it('that the peer closes are probed, and used when they open, even if the news got lost', () => {
    const { time, model, there, write } = setup({ window: 0, scale: 0 });
    model.open();
    time.advance(SECOND);
    write(pattern(3000));
    time.advance(60 * SECOND);
    expect(model.received.length).toBe(0);
    expect(there.sent.length).toBeLessThan(40);
    model.window = 10_000;
    time.advance(120 * SECOND);
    expect(model.received).toEqual([...pattern(3000)]);
  });

  it('are never exceeded', () => {
    const { time, there, model, write } = setup({ window: 3000, scale: 0 });
    model.open();
    time.advance(SECOND);
    write(pattern(40_000));
    let most = 0;
    const watch = (): void => {
      for (const { length } of there.sent) most = Math.max(most, length);
    };
    time.advance(10 * SECOND);
    watch();
    expect(most).toBeLessThanOrEqual(3000);
    expect(model.received).toEqual([...pattern(40_000)]);
  });

  it('of a peer without scaling stay below 64 KiB', () => {
    const { time, there, model } = setup({ scale: -1, bufferBytes: 1 << 20 });
    model.open();
    time.advance(SECOND);
    const [answer] = there.sent;
    expect([answer?.windowScale, answer?.window]).toEqual([-1, 0xffff]);
  });
});

describe('resets', () => {
  it('from the peer end the connection, only with the number that is expected', () => {
    const { time, seen, model, connection } = setup({ peer: 1000 });
    model.open();
    time.advance(SECOND);
    const segment = {
      sourcePort: 0,
      destinationPort: 0,
      acknowledgment: 0,
      window: 0,
      mss: 0,
      windowScale: -1,
      bytes: new Uint8Array(0),
      payload: 0,
      length: 0,
    };
    connection.receive({ ...segment, flags: TcpFlag.RST, sequence: 1005 });
    connection.receive({ ...segment, flags: TcpFlag.RST, sequence: 5 });
    expect(seen.closed).toEqual([]);
    connection.receive({ ...segment, flags: TcpFlag.RST, sequence: 1001 });
    expect(seen.closed).toEqual(['reset']);
    time.advance(SECOND);
    expect(time.armed).toBe(0);
  });

  it('by the owner reach the peer', () => {
    const { time, seen, model, connection } = setup();
    model.open();
    time.advance(SECOND);
    connection.reset();
    connection.reset();
    time.advance(SECOND);
    expect([model.wasReset, seen.closed]).toEqual([true, ['reset']]);
  });

  it('answer a peer that never closes its half after the owner has gone', () => {
    const { time, seen, model, connection } = setup();
    model.open();
    time.advance(SECOND);
    connection.abandon();
    time.advance(SECOND);
    expect(model.peerEnded).toBe(true);
    time.advance(100 * SECOND);
    expect([model.wasReset, seen.closed]).toEqual([true, ['timeout']]);
  });
});

describe('any segments', () => {
  it('throw nothing, and keep memory bounded', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            sequence: fc.integer({ min: -5, max: 70_000 }),
            acknowledgment: fc.integer({ min: -5, max: 9000 }),
            flags: fc.nat({ max: 255 }),
            window: fc.nat({ max: 0xffff }),
            length: fc.nat({ max: 2000 }),
          }),
          { maxLength: 60 },
        ),
        (segments) => {
          const { time, model, connection, write, seen } = setup({ own: 0, peer: 0, hold: true });
          model.open();
          time.advance(SECOND);
          model.state = 'closed';
          write(pattern(4000));
          for (const { sequence, acknowledgment, flags, window, length } of segments) {
            connection.receive({
              sourcePort: 1,
              destinationPort: 2,
              sequence: sequence >>> 0,
              acknowledgment: acknowledgment >>> 0,
              flags,
              window,
              mss: 100,
              windowScale: 1,
              bytes: pattern(2000),
              payload: 0,
              length,
            });
            time.advance(10 * MS);
          }
          expect(seen.held).toBeLessThanOrEqual(65_536);
          connection.reset();
          time.advance(300 * SECOND);
          expect(time.armed).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
