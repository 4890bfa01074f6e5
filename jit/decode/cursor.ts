class ShortBuffer extends Error {}

/** Reads the bytes of one instruction; throws `shortBuffer` at the end of the buffer or after 15 bytes. */
export class Cursor {
  pos = 0;
  readonly bytes: Uint8Array;
  readonly start: number;

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes;
    this.start = start;
  }
  u8(): number {
    const b = this.bytes[this.start + this.pos];
    if (b === undefined || this.pos >= 15) throw shortBuffer;
    this.pos++;
    return b;
  }
  peek(): number {
    const b = this.bytes[this.start + this.pos];
    if (b === undefined || this.pos >= 15) throw shortBuffer;
    return b;
  }
  s8(): number { return (this.u8() << 24) >> 24; }
  u16(): number { const l = this.u8(); return l | (this.u8() << 8); }
  s32(): number { const l = this.u16(); return l | (this.u16() << 16); }
  u32(): number { return this.s32() >>> 0; }
  s64(): bigint { const l = this.u32(); return BigInt.asIntN(64, BigInt(l) | (BigInt(this.u32()) << 32n)); }
}
/** Thrown when the bytes of an instruction run out. */
export const shortBuffer = new ShortBuffer();

