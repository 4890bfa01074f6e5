import type { Structure } from './structure.ts';

/** What a block does with registers, as bit sets: reads that see a value from before the block, and writes. */
export interface RegisterUse {
  readonly reads: number;
  readonly writes: number;
  /** Whether it ends with every register in machine state and none in a local. */
  readonly clobbers: boolean;
}

/**
 * Which registers are in locals, and which of those differ from machine state, at the start and end of each block.
 * A region loads a register when a path first needs it and stores on its way out only what that path has written, so
 * that a short visit to a large region is cheap.
 */
export interface RegisterFlow {
  /** Registers in locals at a block's start. */
  readonly here: readonly number[];
  /** Registers in locals at a block's end. */
  readonly after: readonly number[];
  /** Registers written since control came into the region, at a block's start. */
  readonly dirty: readonly number[];
  /** The same at its end. */
  readonly dirtyAfter: readonly number[];
  /** Blocks of loops that are loops of the code as well. */
  readonly looping: ReadonlySet<number>;
}

interface Loop {
  readonly head: number;
  readonly body: ReadonlySet<number>;
  /** Its back edge is one in the code, and not by way of the root. */
  readonly closed: boolean;
}

type Lists = readonly (readonly number[])[];

/** Solves the flow of registers over a region's blocks; `entries` are reached from outside with no register in a local. */
export function registerFlow(uses: readonly RegisterUse[], successors: Lists, entries: readonly number[], shape: Structure): RegisterFlow {
  const predecessors = invert(successors, shape);
  const from = (b: number): readonly number[] => predecessors[b] as number[];
  const writes = uses.map((u) => u.writes);
  const keeps = (b: number): number => ((uses[b] as RegisterUse).clobbers ? 0 : -1);
  const dirty = solve(uses.length, 0, (now, b) => from(b).reduce((set, p) => set | (keeps(p) & ((now[p] as number) | (writes[p] as number))), 0));
  const loops = loopsOf(successors, predecessors, shape);
  const wanted = uses.map(() => 0);
  for (const { head, body } of loops) for (const b of body) wanted[head] = (wanted[head] as number) | (uses[b] as RegisterUse).reads;
  const touched = uses.map((u) => u.reads | u.writes);
  const here = solve(uses.length, -1, (now, b) => {
    const common = from(b).reduce((set, p) => set & keeps(p) & ((now[p] as number) | (touched[p] as number)), entries.includes(b) ? 0 : -1);
    return common | (dirty[b] as number) | (wanted[b] as number);
  });
  return {
    here,
    after: here.map((set, b) => keeps(b) & (set | (touched[b] as number))),
    dirty,
    dirtyAfter: dirty.map((set, b) => keeps(b) & (set | (writes[b] as number))),
    looping: new Set(loops.flatMap(({ closed, body }) => (closed ? [...body] : []))),
  };
}

/** Predecessors of each block that can be reached. */
function invert(successors: Lists, { order }: Structure): number[][] {
  const predecessors: number[][] = successors.map(() => []);
  for (const [v, list] of successors.entries()) if ((order[v] as number) >= 0) for (const t of list) (predecessors[t] as number[]).push(v);
  return predecessors;
}

/** Repeats a rule for each block until nothing changes. */
function solve(n: number, start: number, rule: (now: readonly number[], block: number) => number): number[] {
  const now = new Array<number>(n).fill(start);
  for (let changed = true; changed; ) {
    changed = false;
    for (let b = 0; b < n; b++) {
      const set = rule(now, b);
      changed ||= set !== now[b];
      now[b] = set;
    }
  }
  return now;
}

/** The loops of a region: for each back edge its target and the blocks between, which the target's reads are loaded for. */
function loopsOf(successors: Lists, predecessors: Lists, { order, isBackEdge }: Structure): Loop[] {
  const loops: Loop[] = [];
  for (const [v, list] of successors.entries()) {
    if ((order[v] as number) < 0) continue;
    for (const head of list)
      if ((order[head] as number) <= (order[v] as number)) loops.push({ head, body: loopBody(head, v, predecessors), closed: isBackEdge(v, head) });
  }
  return loops;
}

/** Blocks of the loop that an edge back to its head closes. */
function loopBody(head: number, last: number, predecessors: Lists): Set<number> {
  const inside = new Set([head]);
  const work = [last];
  for (let b = work.pop(); b !== undefined; b = work.pop()) {
    if (inside.has(b)) continue;
    inside.add(b);
    work.push(...(predecessors[b] as readonly number[]));
  }
  return inside;
}
