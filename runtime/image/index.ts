export { readFallbackGuest } from './fallback/fallback-guest.ts';
export { type CpioEntry, writeCpio } from './cpio.ts';
export {
  type DebianGuest,
  type DebianGuestRequest,
  fetchDebianGuest,
  type GuestFlavour,
  type GuestProgress,
} from './debian-guest.ts';
export { defaultCacheDirectory } from './cache-directory.ts';
export { buildInitramfs, GUEST_READY_LINE, type InitramfsRequest } from './initramfs.ts';
export { CodeCacheFile } from './code-cache-file.ts';
