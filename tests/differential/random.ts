/** Values at which arithmetic changes its behaviour. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  7n,
  8n,
  0xfn,
  0x10n,
  0x1fn,
  0x20n,
  0x3fn,
  0x40n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
];

/** Random numbers that a seed determines (xoshiro128**). */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    // splitmix spreads small seeds
    let s = seed | 0;
    const next = (): number => {
      s = (s + 0x9e3779b9) | 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1;
  }

  /** 32 random bits as an unsigned number. */
  bits(): number {
    const r = Math.imul(this.b, 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9);
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result >>> 0;
  }
  /** A number from 0 to `n` - 1. */
  below(n: number): number {
    return this.bits() % n;
  }
  /** A number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.bits() < p * 4294967296;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  /** 64 bits: often a value at an edge or near one, often small. */
  value(): bigint {
    const edge = this.pick(EDGES);
    switch (this.below(6)) {
      case 0:
        return edge;
      case 1:
        return BigInt.asUintN(64, edge + BigInt(this.between(-2, 2)));
      case 2:
        return BigInt.asUintN(64, -edge);
      case 3:
        return BigInt(this.below(256));
      case 4:
        return BigInt(this.bits());
      default:
        return (BigInt(this.bits()) << 32n) | BigInt(this.bits());
    }
  }
  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.bits() & 255);
  }
}
