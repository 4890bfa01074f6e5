/** Hot path: guest-physical pages that lie elsewhere in RAM memory than their address says: overlays above the guest's RAM. */
import { PHYSMAP, PHYSMAP_SLOTS, PHYSMAP_START, RAM_SIZE } from "../../state/vcpu-layout";

/** A physical page above 4 GiB, where nothing answers. */
const NOWHERE: u64 = 0x1000000000;

/** Looks for the page in the table: a hash with linear probing, that always has an empty slot. */
function lookUp(frame: u64): u64 {
  if (frame >> 32) return frame;
  const gfn = <u32>(frame >> 12);
  let slot = gfn & (PHYSMAP_SLOTS - 1);
  while (true) {
    const at = PHYSMAP + (slot << 3);
    const key = load<u32>(at);
    if (key == gfn + 1) return <u64>load<u32>(at + 4) << 12;
    // memory that is there for overlays is not to be found at its own address
    if (key == 0) return frame < <u64>load<u32>(RAM_SIZE) ? NOWHERE : frame;
    slot = (slot + 1) & (PHYSMAP_SLOTS - 1);
  }
}

/** Where a guest-physical page is in RAM memory; pages of devices stay what they are. */
// @ts-ignore: decorator
@inline export function machineFrame(frame: u64): u64 {
  const start = load<u32>(PHYSMAP_START);
  return start != 0 && frame >= <u64>start ? lookUp(frame) : frame;
}
