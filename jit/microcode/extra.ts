/** Integer instructions that are too big for a row: wide division, bit gather and scatter, CMPXCHG8B and 16B. */
import { SCRATCH, SCRATCH_HIGH } from "../state/vcpu-layout";
import { setZf } from "./flags";
import { checkFault } from "./fault";
import { ramCmpxchg64, splitLock } from "./host";
import { readPhysical, writePhysical } from "./mmu/physical";
import { slowExchange, slowProbeWrite, slowReadForWrite, translateStore } from "./mmu/slow-path";
import { finish, gpr, RAX, RBX, RCX, RDX, setGpr } from "./state";

export { crc32c } from "./crc32c";
export * from "./fpu-image";

/** Unsigned high:low / divisor for high < divisor, in two steps of 32 bits; leaves quotient and remainder in scratch. */
function divide(high: u64, low: u64, divisor: u64): void {
  const shift = clz<u64>(divisor);
  const d = divisor << shift;
  const dHigh = d >> 32;
  const dLow = d & 0xffffffff;
  let n = shift ? (high << shift) | (low >> (64 - shift)) : high;
  const rest = low << shift;
  let quotient: u64 = 0;
  for (let step = 0; step < 2; step++) {
    const digit = step ? rest & 0xffffffff : rest >> 32;
    let q = n / dHigh;
    let r = n % dHigh;
    while (q >> 32 || q * dLow > ((r << 32) | digit)) {
      q--;
      r += dHigh;
      if (r >> 32) break;
    }
    n = ((n << 32) | digit) - q * d;
    quotient = (quotient << 32) | q;
  }
  store<u64>(SCRATCH, quotient);
  store<u64>(SCRATCH_HIGH, n >> shift);
}

/** DIV r/m64: quotient to SCRATCH, remainder to SCRATCH_HIGH; 0 when the quotient does not fit (#DE). */
export function div128(high: i64, low: i64, divisor: i64): i32 {
  if (<u64>high >= <u64>divisor) return 0;
  divide(high, low, divisor);
  return 1;
}

/** IDIV r/m64, as `div128`. */
export function idiv128(high: i64, low: i64, divisor: i64): i32 {
  const negative = high < 0;
  let absHigh = <u64>high;
  let absLow = <u64>low;
  if (negative) {
    absLow = 0 - absLow;
    absHigh = ~absHigh + <u64>(absLow == 0);
  }
  const absDivisor = divisor < 0 ? 0 - <u64>divisor : <u64>divisor;
  if (absHigh >= absDivisor) return 0;
  divide(absHigh, absLow, absDivisor);
  const quotient = load<u64>(SCRATCH);
  const minus = negative != (divisor < 0);
  if (quotient > (minus ? <u64>1 << 63 : ((<u64>1 << 63) - 1))) return 0;
  if (minus) store<u64>(SCRATCH, 0 - quotient);
  if (negative) store<u64>(SCRATCH_HIGH, 0 - load<u64>(SCRATCH_HIGH));
  return 1;
}

/** PDEP: the low bits of `source` spread to the places of `mask`. */
export function pdep(source: i64, mask: i64): i64 {
  let result: u64 = 0;
  let bits = <u64>source;
  for (let left = <u64>mask; left; left &= left - 1) {
    if (bits & 1) result |= left & (0 - left);
    bits >>= 1;
  }
  return result;
}

/** PEXT: the bits of `source` at the places of `mask`, gathered at the low end. */
export function pext(source: i64, mask: i64): i64 {
  let result: u64 = 0;
  let place: u64 = 1;
  for (let left = <u64>mask; left; left &= left - 1) {
    if (<u64>source & left & (0 - left)) result |= place;
    place <<= 1;
  }
  return result;
}

/** CMPXCHG8B: one atomic exchange, with LOCK or without. */
export function cmpxchg8b(linear: i64): void {
  const expected = (gpr(RDX) << 32) | (gpr(RAX) & 0xffffffff);
  const replacement = (gpr(RCX) << 32) | (gpr(RBX) & 0xffffffff);
  let found: u64;
  const ram = slowProbeWrite(linear, 8);
  checkFault();
  if (ram != -1 && !(ram & 7)) found = ramCmpxchg64(ram, expected, replacement);
  else {
    do {
      found = slowReadForWrite(linear, 8);
      checkFault();
      const done = slowExchange(linear, 8, found, found == expected ? replacement : found);
      checkFault();
      if (done) break;
    } while (true);
  }
  const equal = found == expected;
  if (!equal) {
    setGpr(RAX, found & 0xffffffff);
    setGpr(RDX, found >> 32);
  }
  setZf(equal);
  finish();
}

/**
 * CMPXCHG16B; the address is a multiple of 16, so the operand never crosses a page. WebAssembly has no atomic operation of
 * 16 bytes: with LOCK others that do the same are kept out, while stores of 8 bytes are not.
 */
export function cmpxchg16b(linear: i64, locked: i32): void {
  const pa = translateStore(linear, 16);
  checkFault();
  if (locked) splitLock(1);
  const low = readPhysical(pa, 8);
  const high = readPhysical(pa + 8, 8);
  const equal = low == gpr(RAX) && high == gpr(RDX);
  writePhysical(pa, 8, equal ? gpr(RBX) : low);
  writePhysical(pa + 8, 8, equal ? gpr(RCX) : high);
  if (locked) splitLock(0);
  if (!equal) {
    setGpr(RAX, low);
    setGpr(RDX, high);
  }
  setZf(equal);
  finish();
}
