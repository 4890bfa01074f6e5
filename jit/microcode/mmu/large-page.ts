/**
 * INVLPG and large pages. The TLB holds 4 KiB pieces; INVLPG of any address in a large page must drop all of them, also
 * when the page tables no longer say that the page was large. So regions that ever had a large page are remembered.
 */
import { HUGE_REGION, LARGE_MAP, LARGE_MAP_SIZE } from "../../state/vcpu-layout";
import { ageJumpCache, dropRegion, emptyPage, flushTlb, wasFetched } from "./tlb";

const SEVERAL: u64 = ~(<u64>0);
const REGION_SHIFT: i32 = 22;

/** Bit number of a region: multiplied, so that kernel and user addresses seldom share one. */
function bitOf(linear: u64): u32 {
  const hash = (linear >> REGION_SHIFT) * 0x9e3779b97f4a7c15;
  return <u32>(hash >> 40) % (LARGE_MAP_SIZE << 3);
}

/** Remembers that a piece of a page of size class 1 (2 or 4 MiB) or 2 (1 GiB) was filled. */
export function noteLargePage(linear: u64, size: i32): void {
  if (size == 1) {
    const bit = bitOf(linear);
    const address = LARGE_MAP + <i32>(bit >> 3);
    store<u8>(address, load<u8>(address) | (<u8>1 << <u8>(bit & 7)));
    return;
  }
  const region = (linear >> 30) + 1;
  const known = load<u64>(HUGE_REGION);
  if (known != region) store<u64>(HUGE_REGION, known ? SEVERAL : region);
}

/** Drops the translations of one page, of whatever size it was; ages the jump cache if code was fetched there. */
export function flushPage(linear: i64): void {
  const huge = load<u64>(HUGE_REGION);
  if (huge && (huge == SEVERAL || huge == (<u64>linear >> 30) + 1)) {
    flushTlb(1);
    return;
  }
  const bit = bitOf(linear);
  if ((load<u8>(LARGE_MAP + <i32>(bit >> 3)) >> (bit & 7)) & 1) {
    dropRegion(linear, REGION_SHIFT);
    ageJumpCache();
    return;
  }
  emptyPage(linear);
  if (wasFetched(linear)) ageJumpCache();
}
