/**
 * Addresses in the board of a domain: a WebAssembly memory that all its cores share, apart from guest RAM and from the
 * machine state of each core. Only plain `export const NAME = number` lines: two compilers read them.
 */

/** i32: 0 = free, else number of the core that holds the board + 1, or NOBODY for threads that run no core. */
export const BOARD_LOCK = 0x0;
/** i32, as BOARD_LOCK: excludes atomic accesses that no atomic operation of the host covers from each other. */
export const SPLIT_LOCK = 0x40;
/** A word that is changed by nothing, for its order. */
export const FENCE = 0x60;
/** Holder of a lock that is no core. */
export const NOBODY = 0x7fff;
/** i32 count of requests to all cores; the last PROTECT_KEPT are in the ring: u32 each, at (count modulo PROTECT_KEPT) * 4. */
export const PROTECT_COUNT = 0x80;
export const PROTECT_RING = 0x100;
export const PROTECT_KEPT = 64;
/** A request: drop write tags of the page with this number, or ALL_PAGES: the map of guest-physical memory has changed. */
export const ALL_PAGES = 0xffffffff;

// --- cores -------------------------------------------------------------------------------------
/** Cores that a domain can have. */
export const MOST_CORES = 32;
export const CORE = 0x1000;
export const CORE_SIZE = 0x400;
/** i32: 1 while the core runs a slice. */
export const CORE_RUNNING = 0;
/** i32 count of the last request that the core has served. */
export const CORE_SERVED = 4;
/** i32: 1 once a core has been made here. */
export const CORE_USED = 8;
/** i32 stores into the core's code since it looked, in the list behind; more than MOST_WRITTEN: forget all code. */
export const CORE_WRITTEN = 12;
/** 8 bytes each: u32 physical address, u32 length. */
export const CORE_WRITTEN_LIST = 0x40;
export const MOST_WRITTEN = 64;

// --- code pages --------------------------------------------------------------------------------
/** u32 per page of RAM memory: bit n = core n has decoded code there. 1 Mi pages. */
export const CODE_OWNERS = 0x100000;
/** u64 per page: bit n = bytes 64n to 64n+63 hold decoded or translated code of any core. No core has a write tag for such a page. */
export const CODE_MAP = 0x500000;
export const CODE_PAGES = 0x100000;
/** Size of the board, in 64 KiB pages. */
export const BOARD_PAGES = 0xd0;
