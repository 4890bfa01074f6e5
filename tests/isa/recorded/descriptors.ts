/** What a descriptor says. */
export interface Descriptor {
  /** The five bits S and type: 0 to 15 system, 16 to 31 data and code. */
  readonly type: number;
  readonly dpl?: number;
  readonly present?: boolean;
  readonly base?: number;
  /** 20 bits. */
  readonly limit?: number;
  /** G, D/B, L, AVL as four bits: 8, 4, 2, 1. */
  readonly flags?: number;
}

/** Flags of a flat segment: 4 KiB granularity with 32-bit or 64-bit code. */
export const FLAT32 = 0xc;
export const FLAT64 = 0xa;

/** Eight bytes of a segment descriptor. */
export function segment({ type, dpl = 0, present = true, base = 0, limit = 0xfffff, flags = FLAT32 }: Descriptor): bigint {
  const rights = type | (dpl << 5) | (present ? 0x80 : 0);
  const low = BigInt(limit & 0xffff) | (BigInt(base & 0xffffff) << 16n) | (BigInt(rights) << 40n);
  return low | (BigInt(limit >>> 16) << 48n) | (BigInt(flags) << 52n) | (BigInt(base >>> 24) << 56n);
}

/** What a gate says. */
export interface Gate {
  readonly type: number;
  readonly selector: number;
  readonly offset: bigint;
  readonly dpl?: number;
  readonly present?: boolean;
  /** IST number, or the number of parameters of a call gate. */
  readonly count?: number;
}

/** The first eight bytes of a gate. */
export function gate({ type, selector, offset, dpl = 0, present = true, count = 0 }: Gate): bigint {
  const rights = type | (dpl << 5) | (present ? 0x80 : 0);
  const low = (offset & 0xffffn) | (BigInt(selector) << 16n) | (BigInt(count) << 32n) | (BigInt(rights) << 40n);
  return low | (((offset >> 16n) & 0xffffn) << 48n);
}
