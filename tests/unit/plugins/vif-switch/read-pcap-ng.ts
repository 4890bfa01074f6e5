/** An interface of a capture. */
export interface CaptureInterface {
  readonly name: string;
  readonly linkType: number;
  readonly snapLength: number;
  readonly ticksPerSecond: number;
}

/** A packet of a capture. */
export interface CapturePacket {
  readonly interfaceId: number;
  readonly seconds: number;
  readonly originalLength: number;
  readonly bytes: Uint8Array;
  /** 1 inbound, 2 outbound, 0 not said. */
  readonly direction: number;
}

/** What a file in the pcap-ng format holds, read as draft-ietf-opsawg-pcapng describes it. */
export interface Capture {
  readonly interfaces: CaptureInterface[];
  readonly packets: CapturePacket[];
  readonly statistics: { interfaceId: number; received: bigint | undefined; dropped: bigint | undefined }[];
  readonly application: string | undefined;
}

/** Reads a capture; anything that is not as described is an error. */
export function readPcapNg(file: Uint8Array): Capture {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const capture: Capture & { application: string | undefined } = { interfaces: [], packets: [], statistics: [], application: undefined };
  if (view.getUint32(0, true) !== 0x0a0d0d0a) throw new Error('a file begins with a section header block');
  const littleEndian = view.getUint32(8, true) === 0x1a2b3c4d;
  if (!littleEndian && view.getUint32(8, false) !== 0x1a2b3c4d) throw new Error('the byte-order magic is wrong');
  for (let at = 0; at < file.length; ) {
    const type = view.getUint32(at, littleEndian);
    const length = view.getUint32(at + 4, littleEndian);
    if (length % 4 !== 0 || length < 12 || at + length > file.length) throw new Error(`a block at ${at} has length ${length}`);
    if (view.getUint32(at + length - 4, littleEndian) !== length) throw new Error(`the lengths of the block at ${at} differ`);
    const body = new DataView(file.buffer, file.byteOffset + at + 8, length - 12);
    readBlock(capture, type, body, littleEndian);
    at += length;
  }
  return capture;
}

function readBlock(capture: Capture & { application: string | undefined }, type: number, body: DataView, le: boolean): void {
  if (type === 0x0a0d0d0a) {
    if (body.getUint16(4, le) !== 1 || body.getUint16(6, le) !== 0) throw new Error('the version is not 1.0');
    if (body.getBigInt64(8, le) !== -1n) throw new Error('the section has a length');
    capture.application = text(options(body, 16, le).get(4));
  } else if (type === 1) {
    const found = options(body, 8, le);
    const resolution = found.get(9)?.[0] ?? 6;
    capture.interfaces.push({
      name: text(found.get(2)) ?? '',
      linkType: body.getUint16(0, le),
      snapLength: body.getUint32(4, le),
      ticksPerSecond: resolution < 128 ? 10 ** resolution : 2 ** (resolution & 127),
    });
  } else if (type === 6) {
    const interfaceId = body.getUint32(0, le);
    const own = capture.interfaces[interfaceId];
    if (own === undefined) throw new Error('a packet comes before its interface');
    const captured = body.getUint32(12, le);
    const originalLength = body.getUint32(16, le);
    if (captured > originalLength || captured > own.snapLength) throw new Error('more was captured than there was');
    const flags = options(body, 20 + ((captured + 3) & ~3), le).get(2);
    capture.packets.push({
      interfaceId,
      seconds: (body.getUint32(4, le) * 2 ** 32 + body.getUint32(8, le)) / own.ticksPerSecond,
      originalLength,
      bytes: new Uint8Array(body.buffer, body.byteOffset + 20, captured).slice(),
      direction: flags === undefined ? 0 : new DataView(flags.buffer, flags.byteOffset).getUint32(0, le) & 3,
    });
  } else if (type === 5) {
    const found = options(body, 12, le);
    const number = (code: number): bigint | undefined => {
      const value = found.get(code);
      return value === undefined ? undefined : new DataView(value.buffer, value.byteOffset).getBigUint64(0, le);
    };
    capture.statistics.push({ interfaceId: body.getUint32(0, le), received: number(4), dropped: number(5) });
  }
}

function options(body: DataView, start: number, le: boolean): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = start; at < body.byteLength; ) {
    const code = body.getUint16(at, le);
    const length = body.getUint16(at + 2, le);
    if (code === 0) {
      if (length !== 0 || at + 4 !== body.byteLength) throw new Error('the end of the options is not at the end');
      return found;
    }
    if (at + 4 + length > body.byteLength) throw new Error('an option is longer than its block');
    found.set(code, new Uint8Array(body.buffer, body.byteOffset + at + 4, length));
    at += 4 + ((length + 3) & ~3);
  }
  return found;
}

function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : new TextDecoder('utf-8', { fatal: true }).decode(value);
}
