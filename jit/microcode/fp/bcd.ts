/** Packed decimal: 18 digits and a sign in 10 bytes at FP_SCRATCH. */
import { FP_SCRATCH } from '../../state/vcpu-layout';

/** Magnitude of the decimal at FP_SCRATCH. Digits above 9 count as what they are. */
export function bcdToInteger(): i64 {
  let value: i64 = 0;
  for (let i = 8; i >= 0; i--) {
    const byte = load<u8>(FP_SCRATCH + i);
    value = value * 100 + <i64>((byte >> 4) * 10 + (byte & 15));
  }
  return value;
}

/** Writes a magnitude below 10^18 and a sign (0 or 0x8000) to FP_SCRATCH. */
export function integerToBcd(magnitude: u64, sign: i32): void {
  let rest = magnitude;
  for (let i = 0; i < 9; i++) {
    const pair = <i32>(rest % 100);
    rest /= 100;
    store<u8>(FP_SCRATCH + i, ((pair / 10) << 4) | pair % 10);
  }
  store<u8>(FP_SCRATCH + 9, sign >> 8);
}
