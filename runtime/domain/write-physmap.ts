import * as L from '#jit/layout';
import type { Physmap } from '../memory/physmap.ts';

/** Tells a core's address translation what lies outside RAM. Its TLB is to be dropped afterwards. */
export function writePhysmap(view: DataView, physmap: Physmap, ramBytes: number): void {
  new Uint8Array(view.buffer, L.PHYSMAP, L.PHYSMAP_SLOTS * 8).fill(0);
  physmap.forEachOutsideRam((gfn, frame) => {
    let slot = gfn % L.PHYSMAP_SLOTS;
    while (view.getUint32(L.PHYSMAP + slot * 8, true) !== 0) slot = (slot + 1) % L.PHYSMAP_SLOTS;
    view.setUint32(L.PHYSMAP + slot * 8, gfn + 1, true);
    view.setUint32(L.PHYSMAP + slot * 8 + 4, frame, true);
  });
  view.setUint32(L.PHYSMAP_START, ramBytes, true);
}
