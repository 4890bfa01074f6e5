import * as L from '../state/vcpu-layout.ts';

/** Bytes from RIP to the end of the code segment, outside flat code; 0 or less beyond it. */
export function codeRoom(view: DataView): number {
  return view.getUint32(L.SEG_CS + L.SEG_LIMIT, true) - view.getUint32(L.RIP, true) + 1;
}

/** True near the end of the code segment, and where relative branches of 16-bit code wrap at 64 KiB: see MODE_EDGE. */
export function isNearEdge(view: DataView, mode: number, room: number): boolean {
  if (room < L.EDGE_SIZE) return true;
  return (mode & L.MODE_CODE_MASK) === 0 && view.getUint32(L.RIP, true) > 0x10000 - L.EDGE_SIZE;
}

/** Records the #GP(0) of a fetch beyond the end of the code segment (SDM vol 3, 6.15). */
export function refuseFetch(view: DataView): void {
  view.setInt32(L.FAULT, 1, true);
  view.setInt32(L.FAULT_VECTOR, 13, true);
  view.setInt32(L.FAULT_ERROR, 0, true);
}
