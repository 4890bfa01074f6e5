import type { BootSegment, BootState } from './boot-state.ts';
import type { LoadPlan } from './load-plan.ts';

/** Linux wants these two selectors at its 32-bit and 64-bit entries; the other protocols take any. */
const CODE_SELECTOR = 0x10;
const DATA_SELECTOR = 0x18;
const TASK_SELECTOR = 0x20;

const CODE_32 = 0xc09b;
const CODE_64 = 0xa09b;
const DATA = 0xc093;
const BUSY_TASK = 0x008b;
const FLAT_LIMIT = 0xffffffff;
const GDT_BYTES = 0x28;

/**
 * Places a descriptor table for flat segments and returns the segments.
 *
 * The task segment is what PVH asks for: a 32-bit TSS at 0 of the least size, which nothing ever switches through.
 */
export function placeFlatSegments(plan: LoadPlan, bits: 32 | 64 = 32): Required<Pick<BootState, 'segments' | 'gdt'>> {
  const code = flat(CODE_SELECTOR, bits === 64 ? CODE_64 : CODE_32);
  const data = flat(DATA_SELECTOR, DATA);
  const task = { selector: TASK_SELECTOR, base: 0, limit: 0x67, accessRights: BUSY_TASK };
  const address = plan.reserve('descriptor table', { size: GDT_BYTES, below: 0x100000 });
  const table = new DataView(new ArrayBuffer(GDT_BYTES));
  for (const segment of [code, data, task]) writeDescriptor(table, segment);
  plan.place('descriptor table', address, new Uint8Array(table.buffer));
  return { segments: { code, data, task }, gdt: { address, limit: GDT_BYTES - 1 } };
}

function flat(selector: number, accessRights: number): BootSegment {
  return { selector, base: 0, limit: FLAT_LIMIT, accessRights };
}

/** All bases are 0; a limit of 4 GiB is counted in pages. SDM vol 3, segment descriptors. */
function writeDescriptor(table: DataView, segment: BootSegment): void {
  const limit = segment.limit === FLAT_LIMIT ? 0xfffff : segment.limit;
  table.setUint16(segment.selector, limit & 0xffff, true);
  table.setUint32(segment.selector + 4, (segment.accessRights << 8) | (limit & 0xf0000), true);
}
