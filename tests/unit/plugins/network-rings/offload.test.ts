import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ChecksumState,
  completeChecksum,
  copyFrame,
  getU16,
  getU32,
  GsoType,
  internetChecksum,
  locateTransport,
  type NetFrame,
  netFrame,
  Offloader,
  preparePartialChecksum,
  transportPlace,
  verifyChecksum,
} from '#sdk';
import { udpFrame } from '../vif-user/packets.ts';
import { segmentFrame } from './segment-frame.ts';

const NONE = { checksumV4: false, checksumV6: false, gsoV4: false, gsoV6: false };
const ALL = { checksumV4: true, checksumV6: true, gsoV4: true, gsoV6: true };

/** What comes of a frame for a taker. */
function converted(frame: NetFrame, ability = NONE): NetFrame[] {
  const out: NetFrame[] = [];
  new Offloader().convert(frame, ability, (each) => void out.push(copyFrame(each)));
  return out;
}

describe('the Internet checksum', () => {
  it('is that of the example in RFC 1071', () => {
    expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7), 0, 8)).toBe(~0xddf2 & 0xffff);
  });

  it('is the plain sum of words, whatever the length and the place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 10 }), (bytes, start) => {
        let sum = 0;
        for (let i = start; i < bytes.length; i += 2) sum += (bytes[i] as number) * 256 + (i + 1 < bytes.length ? (bytes[i + 1] as number) : 0);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        expect(internetChecksum(bytes, start, Math.max(start, bytes.length))).toBe(~sum & 0xffff);
      }),
    );
  });
});

describe('transport checksums', () => {
  it('are completed so that they are right, and told from wrong ones', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(4 as const, 6 as const), fc.nat(), (payload, version, at) => {
        const frame = segmentFrame({ version, payload });
        expect(completeChecksum(frame, frame.length)).toBe(true);
        expect(verifyChecksum(frame, frame.length)).toBe(true);
        const place = 14 + (version === 4 ? 20 : 40) + (at % (frame.length - 14 - (version === 4 ? 20 : 40)));
        frame[place] = (frame[place] as number) ^ 0x55;
        // A wrong data offset may put the checksum elsewhere, never make it right.
        expect(verifyChecksum(frame, frame.length)).toBe(false);
      }),
    );
  });

  it('of UDP are never written as 0, which would mean none, and 0 is right', () => {
    const frame = udpFrame('10.0.0.1', 1, '10.0.0.2', 2, Uint8Array.of(0, 0));
    const sum = getU16(frame, 40);
    const tuned = udpFrame('10.0.0.1', 1, '10.0.0.2', 2, Uint8Array.of(sum >> 8, sum & 0xff));
    expect(getU16(tuned, 40)).toBe(0xffff);
    tuned.set([0, 0], 40);
    expect(verifyChecksum(tuned, tuned.length)).toBe(true);
  });

  it('are sought in no fragment, no cut packet, and nothing else', () => {
    const frame = segmentFrame({ version: 4, payload: new Uint8Array(40) });
    const place = transportPlace();
    expect(locateTransport(frame, frame.length, place)).toBe(true);
    expect(locateTransport(frame, frame.length - 1, place)).toBe(false);
    const fragment = frame.slice();
    fragment[20] = 0x20;
    expect(locateTransport(fragment, fragment.length, place)).toBe(false);
    expect(preparePartialChecksum(new Uint8Array(60), 60)).toBe(false);
  });

  it('are left alone for who completes them, and done for who does not', () => {
    const frame = netFrame(segmentFrame({ version: 4, payload: new Uint8Array(40) }), { checksum: ChecksumState.Partial });
    expect(converted(frame, ALL)).toEqual([frame]);
    expect(converted(frame, { ...ALL, checksumV6: false })).toEqual([frame]);
    const [done] = converted(frame, { ...ALL, checksumV4: false });
    expect(done?.checksum).toBe(ChecksumState.Verified);
    expect(verifyChecksum(done?.bytes ?? new Uint8Array(0), 94)).toBe(true);
    expect(frame.bytes).toEqual(segmentFrame({ version: 4, payload: new Uint8Array(40) }));
  });
});

describe('cutting', () => {
  it('gives segments that hold the payload once, in order, with right numbers, lengths, flags and sums', () => {
    fc.assert(
      fc.property(
        fc.record({
          length: fc.integer({ min: 0, max: 20_000 }),
          size: fc.integer({ min: 48, max: 3000 }),
          version: fc.constantFrom(4 as const, 6 as const),
          sequence: fc.nat({ max: 0xffff_ffff }),
          flags: fc.nat({ max: 255 }),
        }),
        ({ length, size, version, sequence, flags }) => {
          const payload = Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff);
          const gsoType = version === 4 ? GsoType.TcpV4 : GsoType.TcpV6;
          const whole = netFrame(segmentFrame({ version, payload, sequence, flags }), { checksum: ChecksumState.Partial, gsoType, gsoSize: size });
          const parts = converted(whole);
          const ip = version === 4 ? 20 : 40;
          expect(parts.length).toBe(Math.max(1, Math.ceil(length / size)));
          expect(Buffer.concat(parts.map((part) => part.bytes.subarray(34 + ip))).equals(payload)).toBe(true);
          parts.forEach(({ bytes, gsoType: rest, length: own }, i) => {
            const last = i === parts.length - 1;
            expect(rest).toBe(GsoType.None);
            expect(verifyChecksum(bytes, own)).toBe(true);
            expect(getU32(bytes, 14 + ip + 4)).toBe((sequence + i * size) % 2 ** 32);
            expect(bytes[14 + ip + 13]).toBe(flags & (last ? 0xff : ~9) & (i === 0 ? 0xff : ~0x80));
            if (version === 4) expect([getU16(bytes, 18), internetChecksum(bytes, 14, 34)]).toEqual([(0xfffe + i) & 0xffff, 0]);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses what is no TCP, and segments that are absurdly small', () => {
    const tcp = segmentFrame({ version: 4, payload: new Uint8Array(1000) });
    expect(converted(netFrame(tcp, { gsoType: GsoType.TcpV4, gsoSize: 1 }))).toEqual([]);
    expect(converted(netFrame(udpFrame('1.2.3.4', 1, '5.6.7.8', 2, new Uint8Array(1000)), { gsoType: GsoType.TcpV4, gsoSize: 500 }))).toEqual([]);
    expect(converted(netFrame(new Uint8Array(20), { gsoType: GsoType.TcpV4, gsoSize: 500 }))).toEqual([]);
  });

  it('survives any bytes', () => {
    const frames = fc.record({
      bytes: fc.uint8Array({ minLength: 0, maxLength: 200 }),
      version: fc.constantFrom(0x45, 0x4f, 0x60),
      type: fc.constantFrom([8, 0], [0x86, 0xdd], [0x81, 0]),
    });
    fc.assert(
      fc.property(frames, fc.nat({ max: 2 }), ({ bytes, version, type }, gsoType) => {
        bytes.set(type.slice(0, Math.max(0, bytes.length - 12)), Math.min(12, bytes.length));
        if (bytes.length > 14) bytes[14] = version;
        for (const ability of [NONE, ALL])
          converted(netFrame(bytes, { checksum: ChecksumState.Partial, gsoType: gsoType as 0 | 1 | 2, gsoSize: 100 }), ability);
      }),
      { numRuns: 500 },
    );
  });
});
