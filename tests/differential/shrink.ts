import { END, type Image, type Item, layOut, type Program } from './program.ts';

/** Most attempts to make a program smaller. */
const ATTEMPTS = 400;

/** Drops instructions as long as the program still fails, then turns what is left into NOPs where that keeps it failing. */
export function shrink(program: Program, fails: (candidate: Program) => boolean): Program {
  let best = program;
  let attempts = 0;
  const reduce = (change: (items: readonly Item[], chosen: ReadonlySet<number>) => Item[]): void => {
    for (let size = Math.max(1, droppable(best.items).length >> 1); size >= 1; size = size >> 1) {
      for (let from = 0; ; ) {
        const places = droppable(best.items);
        if (from >= places.length || attempts++ > ATTEMPTS) break;
        const chosen = new Set(places.slice(from, from + size));
        const candidate: Program = { ...best, items: change(best.items, chosen) };
        if (fails(candidate)) best = candidate;
        else from += size;
      }
    }
  };
  reduce((items, chosen) => items.filter((_, i) => !chosen.has(i)));
  attempts = 0;
  reduce((items, chosen) => {
    const { addresses, entry, bytes } = layOut({ ...best, items }) as Image;
    return items.map((item, i) => (chosen.has(i) ? nops((addresses[i + 1] ?? entry + bytes.length) - (addresses[i] as number)) : item));
  });
  return best;
}

/** A piece of NOPs that stays as it is. */
function nops(length: number): Item {
  const filler = new Uint8Array(length).fill(0x90);
  return { label: -1, filler: true, emit: () => filler, shortens: false };
}

/** Pieces that may go: no labels, not the instruction that ends the program, not what has become NOPs. */
function droppable(items: readonly Item[]): number[] {
  return items.flatMap((item, i) => (item.label < 0 && !item.filler && items[i - 1]?.label !== END ? [i] : []));
}
