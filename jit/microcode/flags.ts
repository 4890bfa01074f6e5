/** EFLAGS and its lazily kept arithmetic flags; the encoding is told at FLAG_RES. */
import { EFLAGS, FLAG_AUX, FLAG_COUT, FLAG_RES } from "../state/vcpu-layout";
import { FLAG_AF, FLAG_CF, FLAG_PF, FLAG_SF, FLAG_ZF, FLAGS_ARITH } from "./state";

/** The six arithmetic flags at their places in EFLAGS. */
export function arithFlags(): i32 {
  const result = load<u64>(FLAG_RES);
  const carries = load<u64>(FLAG_COUT);
  const aux = load<u32>(FLAG_AUX);
  const even = (popcnt<u32>((<u32>result ^ (aux >> 8)) & 0xff) & 1) ^ 1;
  const sign = <u32>(result >> 63) ^ ((aux >> 7) & 1);
  return <i32>(
    <u32>(carries >> 63) | (even << 2) | (aux & 0x10) | (<u32>(result == 0) << 6) | (sign << 7) |
    (<u32>((carries >> 63) ^ ((carries >> 62) & 1)) << 11)
  );
}

/** Sets all six arithmetic flags from their places in EFLAGS. */
export function setArithFlags(value: i32): void {
  const carry = <u64>(value & FLAG_CF);
  const overflow = <u64>((value >> 11) & 1);
  store<u64>(FLAG_RES, value & FLAG_ZF ? 0 : 0x100);
  store<u64>(FLAG_COUT, (carry << 63) | ((carry ^ overflow) << 62));
  store<u32>(FLAG_AUX, (value & (FLAG_AF | FLAG_SF)) | (value & FLAG_PF ? 0 : 0x100));
}

/** Architectural EFLAGS. */
export function getEflags(): i32 {
  return load<i32>(EFLAGS) | arithFlags() | 2;
}

/** Replaces the flags in `mask`; does not look at what they mean for the mode. */
export function setEflags(value: i32, mask: i32): void {
  const arith = mask & FLAGS_ARITH;
  if (arith == FLAGS_ARITH) setArithFlags(value);
  else if (arith) setArithFlags((arithFlags() & ~arith) | (value & arith));
  const rest = mask & ~FLAGS_ARITH;
  store<i32>(EFLAGS, (load<i32>(EFLAGS) & ~rest) | (value & rest) | 2);
}

/** Sets ZF alone. */
export function setZf(on: bool): void {
  setArithFlags((arithFlags() & ~FLAG_ZF) | (on ? FLAG_ZF : 0));
}

/** Sets the flags of `left - right` for operands of `size` bytes. */
export function setCompareFlags(left: u64, right: u64, size: i32): void {
  const shift = 64 - (size << 3);
  const difference = left - right;
  const borrows = (~left & right) | ((~left | right) & difference);
  store<u64>(FLAG_RES, <u64>((<i64>(difference << shift)) >> shift));
  store<u64>(FLAG_COUT, borrows << shift);
  store<u32>(FLAG_AUX, <u32>(left ^ right ^ difference) & 0x10);
}

/** Sets CF as given and clears the other five, as RDRAND does. */
export function setCarryOnly(carry: bool): void {
  setArithFlags(carry ? FLAG_CF : 0);
}
