import { FEW_TARGETS, indirectSlot, indirectSlots, type RegionBlock } from './region.ts';

/** The blocks that indirect jumps with many targets go to, and the hash shift that separates them best. */
export function indirectTargets(offsets: readonly number[], blocks: readonly RegionBlock[]): { indirect: number[]; indirectShift: number } {
  const targets = new Set<number>();
  for (const { ending, targets: all } of blocks) {
    const inside = all.map((offset) => offsets.indexOf(offset)).filter((i) => i >= 0);
    if (ending !== 'return' && inside.length > FEW_TARGETS) for (const i of inside) targets.add(i);
  }
  const indirect = [...targets];
  if (indirect.length === 0) return { indirect, indirectShift: 0 };
  const slots = indirectSlots({ indirect });
  let indirectShift = 0;
  let most = 0;
  for (let shift = 0; shift < 8; shift++) {
    const used = new Set(indirect.map((i) => indirectSlot(offsets[i] as number, shift, slots))).size;
    if (used > most) [most, indirectShift] = [used, shift];
  }
  return { indirect, indirectShift };
}
