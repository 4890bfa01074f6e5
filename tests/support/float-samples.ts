/** Bit patterns where floating-point results turn: every kind of number, and the borders between them. */
const SINGLES = [
  0, 1, 0x00400000, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x01000000, 0x01800000, 0x1f800000, 0x20000000, 0x33800000, 0x3effffff, 0x3f000000,
  0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40000000, 0x40490fdb, 0x4b000001, 0x4effffff, 0x4f000000, 0x4f000001, 0x5effffff, 0x5f000000, 0x5f800000,
  0x7e800000, 0x7effffff, 0x7f000000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fa00000, 0x7fc00000, 0x7fffffff,
];
const DOUBLES = [
  0n,
  1n,
  0x8000000000000n,
  0xfffffffffffffn,
  0x10000000000000n,
  0x10000000000001n,
  0x1fffffffffffffn,
  0x20000000000000n,
  0x30000000000000n,
  0x1ff0000000000000n,
  0x3690000000000000n,
  0x36a0000000000000n,
  0x380fffffffffffffn,
  0x3810000000000000n,
  0x3810000000000001n,
  0x3820000000000000n,
  0x3ca0000000000000n,
  0x3fdfffffffffffffn,
  0x3fe0000000000000n,
  0x3fefffffffffffffn,
  0x3ff0000000000000n,
  0x3ff8000000000000n,
  0x4000000000000000n,
  0x400921fb54442d18n,
  0x41dfffffffc00000n,
  0x41dfffffffe00000n,
  0x41e0000000000000n,
  0x41e0000000100000n,
  0x4320000000000000n,
  0x432fffffffffffffn,
  0x4330000000000001n,
  0x43dfffffffffffffn,
  0x43e0000000000000n,
  0x47efffffe0000000n,
  0x47efffffefffffffn,
  0x47effffff0000000n,
  0x47f0000000000000n,
  0x5ff0000000000000n,
  0x7fd0000000000000n,
  0x7fe0000000000000n,
  0x7fefffffffffffffn,
  0x7ff0000000000000n,
  0x7ff0000000000001n,
  0x7ff4000000000000n,
  0x7ff8000000000000n,
  0x7fffffffffffffffn,
];

/** A random single: a special one with a random sign, one with a common exponent, or any bits. */
export function randomSingle(next: () => number): number {
  const kind = next() % 10;
  if (kind < 5) return ((SINGLES[next() % SINGLES.length] as number) | (next() << 31)) >>> 0;
  if (kind < 8) return ((next() & 0x807fffff) | ((0x3e000000 + (next() & 0x03800000)) >>> 0)) >>> 0;
  return next();
}

/** A random double. */
export function randomDouble(next: () => number): bigint {
  const kind = next() % 10;
  if (kind < 5) return (DOUBLES[next() % DOUBLES.length] as bigint) | (BigInt(next() & 1) << 63n);
  const any = (BigInt(next()) << 32n) | BigInt(next());
  return kind < 8 ? (any & 0x801fffffffffffffn) | (BigInt(0x3fc + (next() & 7)) << 52n) : any;
}
