import type { LoadPlan } from './load-plan.ts';

const PAGE = 0x1000;
const GIBIBYTES = 4;
const PRESENT_WRITABLE = 0x03;
const LARGE_PAGE = 0x80;
const LARGE_PAGE_BYTES = 0x200000;

/**
 * Places page tables that map the first 4 GiB to themselves with 2 MiB pages, as the 64-bit boot protocol asks for.
 *
 * @returns the physical address for CR3
 */
export function placeIdentityPageTables(plan: LoadPlan): number {
  const size = (2 + GIBIBYTES) * PAGE;
  const address = plan.reserve('page tables', {
    size,
    align: PAGE,
    above: 0x30000,
    below: 0x100000,
  });
  const tables = new DataView(new ArrayBuffer(size));
  const entry = (offset: number, value: number): void => tables.setBigUint64(offset, BigInt(value), true);
  entry(0, address + PAGE + PRESENT_WRITABLE);
  for (let directory = 0; directory < GIBIBYTES; directory += 1) {
    entry(PAGE + directory * 8, address + (2 + directory) * PAGE + PRESENT_WRITABLE);
  }
  for (let page = 0; page < GIBIBYTES * 512; page += 1) {
    entry(2 * PAGE + page * 8, page * LARGE_PAGE_BYTES + LARGE_PAGE + PRESENT_WRITABLE);
  }
  plan.place('page tables', address, new Uint8Array(tables.buffer));
  return address;
}
