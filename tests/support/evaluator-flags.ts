import type { Flag, Node } from '../../jit/ir/node.ts';

/** The six arithmetic flags. */
export type Flags = Record<Flag, boolean>;

/** Places of the flags in EFLAGS. */
const PLACES: readonly (readonly [Flag, number])[] = [
  ['cf', 0],
  ['pf', 2],
  ['af', 4],
  ['zf', 6],
  ['sf', 7],
  ['of', 11],
];

/** The arithmetic flags of an EFLAGS value. */
export function unpackFlags(eflags: number): Flags {
  return Object.fromEntries(PLACES.map(([flag, bit]) => [flag, ((eflags >> bit) & 1) === 1])) as Flags;
}

/** The flags as bits of EFLAGS. */
export function packFlags(flags: Flags): number {
  return PLACES.reduce((sum, [flag, bit]) => sum | (flags[flag] ? 1 << bit : 0), 0);
}

function parity(v: bigint): boolean {
  let bits = Number(v & 0xffn);
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) === 0;
}

const ofResult = (r: bigint, width: number): Pick<Flags, 'sf' | 'zf' | 'pf'> => ({
  sf: ((r >> BigInt(width - 1)) & 1n) === 1n,
  zf: BigInt.asUintN(width, r) === 0n,
  pf: parity(r),
});

/** The flags that a `setFlags` or `setResultFlags` node leaves. */
export function flagsOf(n: Node, args: readonly bigint[], old: Flags): Flags {
  const width = (n.bytes as number) * 8;
  const at = (i: number): bigint => args[i] as bigint;
  if (n.op === 'setResultFlags') return { ...ofResult(at(0), width), cf: at(1) !== 0n, of: at(2) !== 0n, af: at(3) !== 0n };
  if (n.flag === 'logic') return { ...ofResult(at(0), width), cf: false, of: false, af: false };
  const minimum = 1n << BigInt(width - 1);
  const a = at(0);
  if (n.flag === 'inc' || n.flag === 'dec') {
    const r = at(1);
    return { ...ofResult(r, width), cf: old.cf, of: n.flag === 'inc' ? r === minimum : a === minimum, af: ((a ^ r) & 16n) !== 0n };
  }
  const b = at(1);
  const r = at(2);
  const signed = (v: bigint): bigint => BigInt.asIntN(width, v);
  const adds = n.flag === 'add' || n.flag === 'adc';
  // a carry in or borrow in is what the result has beyond the operands
  const carry = BigInt.asUintN(width, adds ? r - a - b : a - b - r);
  const exact = adds ? a + b + carry : a - b - carry;
  const exactSigned = adds ? signed(a) + signed(b) + carry : signed(a) - signed(b) - carry;
  return { ...ofResult(r, width), cf: exact !== r, of: exactSigned !== signed(r), af: ((a ^ b ^ r) & 16n) !== 0n };
}

/** The flags that an `assignFlags` node names. */
export function assignedFlags(n: Node, value: (node: Node) => bigint): Partial<Flags> {
  return Object.fromEntries(Object.entries(n.flags ?? {}).map(([flag, node]) => [flag, value(node as Node) !== 0n])) as Partial<Flags>;
}

/** Condition 0 (O) to 15 (G). */
export function conditionOf(code: number, f: Flags): boolean {
  const base = [f.of, f.cf, f.zf, f.cf || f.zf, f.sf, f.pf, f.sf !== f.of, f.zf || f.sf !== f.of][code >> 1] as boolean;
  return base !== ((code & 1) === 1);
}
