import type { Node } from '../ir/node.ts';

/** What a block does with CF: whether it reads the one from before it, and whether it sets it in any case. */
interface CarryUse {
  reads: boolean;
  sets: boolean;
}

const usesCarry = (node: Node): boolean =>
  node.op === 'flag' ? node.name === 'cf' : node.op === 'condition' && ((node.lane as number) >> 1 === 1 || (node.lane as number) >> 1 === 3);

/** INC and DEC keep CF. */
const keepsCarry = (node: Node): boolean => node.op === 'setFlags' && (node.flag === 'inc' || node.flag === 'dec');

const setsCarry = (node: Node): boolean =>
  (node.op === 'setFlags' && !keepsCarry(node)) || node.op === 'setResultFlags' || (node.op === 'assignFlags' && node.flags?.cf !== undefined);

function scan(nodes: readonly Node[], use: CarryUse, nested: boolean): void {
  for (const node of nodes) {
    if (!use.sets && (keepsCarry(node) || usesCarry(node))) use.reads = true;
    scan(node.then ?? [], use, true);
    scan(node.otherwise ?? [], use, true);
    if (!nested && setsCarry(node)) use.sets = true;
  }
}

/** For each block whether CF at its start may be read before it is set again, by itself or by what follows. */
export function carryFlow(blocks: readonly (readonly (readonly Node[])[])[], successors: readonly (readonly number[])[]): boolean[] {
  const uses = blocks.map((programs) => {
    const use: CarryUse = { reads: false, sets: false };
    for (const program of programs) scan(program, use, false);
    return use;
  });
  const reads = uses.map((u) => u.reads);
  for (let changed = true; changed; ) {
    changed = false;
    for (let b = blocks.length - 1; b >= 0; b--) {
      if (reads[b] || uses[b]?.sets || !successors[b]?.some((t) => reads[t])) continue;
      reads[b] = true;
      changed = true;
    }
  }
  return reads;
}
