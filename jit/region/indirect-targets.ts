import { indirectSlot, indirectSlots, type RegionBlock } from './region.ts';

/** Fewer targets of indirect jumps than this are compared one by one. */
const FEW_TARGETS = 3;

/** The blocks that indirect jumps go to, when there are many, and the hash shift that separates them best. */
export function indirectTargets(offsets: readonly number[], blocks: readonly RegionBlock[]): { indirect: number[]; indirectShift: number } {
  const targets = new Set<number>();
  for (const b of blocks) {
    const i = b.ending === 'indirect' && b.predicted !== null ? offsets.indexOf(b.predicted) : -1;
    if (i >= 0) targets.add(i);
  }
  if (targets.size < FEW_TARGETS) return { indirect: [], indirectShift: 0 };
  const indirect = [...targets];
  const slots = indirectSlots({ indirect });
  let indirectShift = 0;
  let most = 0;
  for (let shift = 0; shift < 8; shift++) {
    const used = new Set(indirect.map((i) => indirectSlot(offsets[i] as number, shift, slots))).size;
    if (used > most) [most, indirectShift] = [used, shift];
  }
  return { indirect, indirectShift };
}
