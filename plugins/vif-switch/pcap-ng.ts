const BLOCK_SECTION = 0x0a0d0d0a;
const BLOCK_INTERFACE = 1;
const BLOCK_STATISTICS = 5;
const BLOCK_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINK_ETHERNET = 1;
const OPTION_END = 0;
const OPTION_APPLICATION = 4;
const OPTION_NAME = 2;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_FLAGS = 2;
const OPTION_RECEIVED = 4;
const OPTION_DROPPED = 5;
const MICROSECONDS = 6;
const INBOUND = 1;
const OUTBOUND = 2;

/** Takes blocks of the file in order. */
export type BlockSink = (block: Uint8Array) => void;

/** One frame for a capture. */
export interface CapturedFrame {
  /** Number of the interface, in the order in which they were added. */
  readonly interfaceId: number;
  /** Microseconds since 1970. */
  readonly atUs: number;
  /** Holds the frame from its first byte on. */
  readonly bytes: Uint8Array;
  /** Bytes of the frame. */
  readonly length: number;
  /** From the switch to the interface's owner. */
  readonly outbound: boolean;
}

/** Writes the pcap-ng format: one section, little-endian, one interface for each port, times in microseconds. */
export class PcapNgWriter {
  readonly #sink: BlockSink;
  readonly #snapBytes: number;
  #interfaces = 0;

  constructor(sink: BlockSink, snapBytes: number) {
    this.#sink = sink;
    this.#snapBytes = snapBytes;
    const body = new BlockBody(16);
    body.u32(BYTE_ORDER_MAGIC).u16(1).u16(0).u32(0xffff_ffff).u32(0xffff_ffff);
    body.option(OPTION_APPLICATION, new TextEncoder().encode('Xylem')).option(OPTION_END);
    sink(body.block(BLOCK_SECTION));
  }

  /** Describes another interface; its number. */
  addInterface(name: string): number {
    const body = new BlockBody(8);
    body.u16(LINK_ETHERNET).u16(0).u32(this.#snapBytes);
    body.option(OPTION_NAME, new TextEncoder().encode(name)).option(OPTION_TIME_RESOLUTION, Uint8Array.of(MICROSECONDS)).option(OPTION_END);
    this.#sink(body.block(BLOCK_INTERFACE));
    return this.#interfaces++;
  }

  /** Writes a frame, cut to the snap length. Returns the bytes of its block. */
  writeFrame({ interfaceId, atUs, bytes, length, outbound }: CapturedFrame): number {
    const kept = Math.min(length, this.#snapBytes);
    const body = new BlockBody(20 + kept + 16);
    body.u32(interfaceId).time(atUs).u32(kept).u32(length).bytes(bytes, kept);
    body.option(OPTION_FLAGS, Uint8Array.of(outbound ? OUTBOUND : INBOUND, 0, 0, 0)).option(OPTION_END);
    const block = body.block(BLOCK_PACKET);
    this.#sink(block);
    return block.length;
  }

  /** Says how many frames an interface had in all, and how many are missing in the file. */
  writeStatistics(interfaceId: number, atUs: number, { received, dropped }: { received: number; dropped: number }): void {
    const body = new BlockBody(12);
    body.u32(interfaceId).time(atUs);
    body.option(OPTION_RECEIVED, u64(received)).option(OPTION_DROPPED, u64(dropped)).option(OPTION_END);
    this.#sink(body.block(BLOCK_STATISTICS));
  }
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** The inside of a block, with room for its frame around it. */
class BlockBody {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 8;

  constructor(expected: number) {
    this.#bytes = new Uint8Array(expected + 32);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  /** A moment: upper word first, as the format has it. */
  time(atUs: number): this {
    return this.u32(Math.floor(atUs / 0x1_0000_0000)).u32(Math.floor(atUs % 0x1_0000_0000));
  }

  /** Bytes, filled up with zeros to whole words. */
  bytes(source: Uint8Array, length = source.length): this {
    const padded = (length + 3) & ~3;
    this.#reserve(padded);
    this.#bytes.set(source.subarray(0, length), this.#at);
    this.#at += padded;
    return this;
  }

  option(code: number, value: Uint8Array = new Uint8Array(0)): this {
    return this.u16(code).u16(value.length).bytes(value);
  }

  /** The whole block: type and length in front, length again at the end. */
  block(type: number): Uint8Array {
    const length = this.#at + 4;
    this.u32(length);
    this.#view.setUint32(0, type, true);
    this.#view.setUint32(4, length, true);
    return this.#bytes.subarray(0, length);
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const bytes = new Uint8Array((this.#at + more) * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
