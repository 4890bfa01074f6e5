/** Where the programs of the fuzzer live, as linear addresses. */
export const CODE = 0x400000;
export const CODE_PAGES = 4;
/** Writable pages, then one that is read-only, then nothing. */
export const DATA = 0x500000;
export const DATA_PAGES = 4;
/** The code's pages a second time, writable. */
export const ALIAS = 0x600000;
export const STACK = 0x700000;
export const STACK_PAGES = 2;
/** First stack pointer. */
export const STACK_START = STACK + 0x1800;
/** Loop counters, out of the way of random stores. */
export const COUNTERS = STACK + 0x1f00;
/** Base of FS, and its limit outside 64-bit code. */
export const FS_BASE = DATA + 0x1000;
export const FS_LIMIT = 0x1fff;
export const GS_BASE = DATA;

/** Where 16-bit programs see the same things, in their 64 KiB: code, the code's second mapping, stack, data. */
const NEAR: readonly (readonly [address: number, offset: number, pages: number])[] = [
  [CODE, 0, CODE_PAGES],
  [ALIAS, 0x4000, CODE_PAGES],
  [STACK, 0x8000, STACK_PAGES],
  [DATA, 0xa000, DATA_PAGES + 2],
];

/** Offset at which a program sees an address named here; what lies near something of the program's is near it there too. */
export function offsetOf(code: 16 | 32 | 64, address: number): number {
  if (code !== 16) return address;
  const [start, offset] = NEAR.reduce((best, entry) => (Math.abs(address - entry[0] - 0x2000) < Math.abs(address - best[0] - 0x2000) ? entry : best));
  return (address - start + offset) & 0xffff;
}

/** The address named here that a program sees at an offset. */
export function addressAt(code: 16 | 32 | 64, offset: number): number {
  if (code !== 16) return offset;
  const [address, start] = NEAR.find(([, from, pages]) => offset >= from && offset < from + pages * 4096) ?? [0, 0];
  return offset - start + address;
}

/** A page of the address space. */
export interface MappedPage {
  readonly linear: number;
  readonly physical: number;
  readonly writable: boolean;
}

/** Where the physical pages begin. */
export const PHYSICAL = 0x200000;
/** Physical pages in use: what memory is compared. */
export const PHYSICAL_PAGES = CODE_PAGES + DATA_PAGES + 1 + STACK_PAGES;

/** All pages. Neighbours in linear addresses are never neighbours in RAM. */
export const PAGES: readonly MappedPage[] = ((): MappedPage[] => {
  const out: MappedPage[] = [];
  const physical = (n: number): number => PHYSICAL + ((n * 7) % PHYSICAL_PAGES) * 4096;
  let n = 0;
  for (let i = 0; i < CODE_PAGES; i++, n++) {
    out.push({ linear: CODE + i * 4096, physical: physical(n), writable: true });
    out.push({ linear: ALIAS + i * 4096, physical: physical(n), writable: true });
  }
  for (let i = 0; i <= DATA_PAGES; i++, n++) out.push({ linear: DATA + i * 4096, physical: physical(n), writable: i < DATA_PAGES });
  for (let i = 0; i < STACK_PAGES; i++, n++) out.push({ linear: STACK + i * 4096, physical: physical(n), writable: true });
  return out;
})();

const byPage = new Map<number, MappedPage>(PAGES.map((page) => [page.linear / 4096, page]));

/** The page of a linear address, if it is mapped. */
export function pageOf(linear: number): MappedPage | undefined {
  return byPage.get(Math.floor(linear / 4096));
}

/** First values of the registers that point into the data pages, by register number. */
export const POINTERS: Readonly<Record<number, number>> = {
  3: DATA + 0x800,
  5: DATA + 0x2000,
  6: DATA + 0x1ff0,
  7: DATA + 0x3000,
  14: DATA + 0x1000,
  15: DATA + 0xff8,
};
