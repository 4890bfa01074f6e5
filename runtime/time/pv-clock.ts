import { VcpuTimeInfo } from '#sdk';
import type { GuestRam } from '../memory/guest-ram.ts';

/** The guest's TSC counts nanoseconds: (ticks << 1) * 2^31 >> 32. */
const MULTIPLIER = 0x8000_0000;
const SHIFT = 1;
const SECOND_NS = 1_000_000_000n;

/**
 * Writes what a guest reads the time from. The TSC is the domain's time in nanoseconds, so the values never change while
 * the domain runs. The version is odd while they are written.
 */
export function writeTimeInfo(ram: GuestRam, address: number): void {
  const word = (address + VcpuTimeInfo.version) >> 2;
  const version = (Atomics.load(ram.words, word) | 1) >>> 0;
  Atomics.store(ram.words, word, version | 0);
  const { view } = ram;
  view.setBigUint64(address + VcpuTimeInfo.tsc_timestamp, 0n, true);
  view.setBigUint64(address + VcpuTimeInfo.system_time, 0n, true);
  view.setUint32(address + VcpuTimeInfo.tsc_to_system_mul, MULTIPLIER, true);
  view.setInt8(address + VcpuTimeInfo.tsc_shift, SHIFT);
  view.setUint8(address + VcpuTimeInfo.flags, VcpuTimeInfo.XEN_PVCLOCK_TSC_STABLE_BIT);
  Atomics.store(ram.words, word, (version + 1) | 0);
}

/** Where the wall clock's fields are in the shared info page. */
export interface WallclockPlace {
  readonly address: number;
  readonly wcVersion: number;
  readonly wcSecHi: number;
}

/** Writes the time of day at which the domain's time was 0. */
export function writeWallclock(ram: GuestRam, place: WallclockPlace, startNs: bigint): void {
  const at = place.address + place.wcVersion;
  const seconds = startNs / SECOND_NS;
  const version = (Atomics.load(ram.words, at >> 2) | 1) >>> 0;
  Atomics.store(ram.words, at >> 2, version | 0);
  ram.view.setUint32(at + 4, Number(seconds & 0xffffffffn), true);
  ram.view.setUint32(at + 8, Number(startNs % SECOND_NS), true);
  ram.view.setUint32(place.address + place.wcSecHi, Number(seconds >> 32n), true);
  Atomics.store(ram.words, at >> 2, (version + 1) | 0);
}
