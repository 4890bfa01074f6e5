/** A control-flow graph over blocks 0 (entry) to n-1, by successor lists. */
export type Graph = readonly (readonly number[])[];

/** What the structured emitter needs to know of a graph whose bad edges go through the root's dispatcher. */
export interface Structure {
  /** Reverse postorder position of each block; -1 when unreachable. */
  readonly order: readonly number[];
  /** Blocks that the root switches to: the entry, and targets of edges that no loop can express. */
  readonly roots: readonly number[];
  /** Children in the dominator tree, in reverse postorder; index n is the root. */
  readonly children: readonly (readonly number[])[];
  /** Blocks with a back edge to them. */
  readonly loops: ReadonlySet<number>;
  /** Blocks that more than one forward edge leads to. */
  readonly merges: ReadonlySet<number>;
  /** True when the edge is a back edge of a loop (its target dominates its source). */
  isBackEdge(from: number, to: number): boolean;
  /** True when the edge must go through the root's dispatcher. */
  isDispatched(from: number, to: number): boolean;
}

/**
 * Finds loops and dominators; makes an irreducible graph reducible by routing the offending edges through
 * a dispatcher at the root (node n), so that every remaining cycle has one entry. `entries` are blocks that the
 * dispatcher must reach in any case.
 */
export function structure(graph: Graph, entries: readonly number[] = []): Structure {
  const n = graph.length;
  const roots = [0, ...entries.filter((e) => e !== 0)];
  const dispatched = new Set<number>();
  for (;;) {
    const successors = (v: number): readonly number[] => (v === n ? roots : (graph[v] as number[]).filter((t) => !dispatched.has(v * n + t)));
    const { order, list } = reversePostorder(n, successors);
    const idom = dominators(n, list, order, successors);
    const dominates = (a: number, b: number): boolean => {
      for (let v = b; ; v = idom[v] as number) {
        if (v === a) return true;
        if (v === n) return false;
      }
    };
    const bad: [number, number][] = [];
    for (const v of list) {
      if (v === n) continue;
      for (const t of successors(v)) if ((order[t] as number) <= (order[v] as number) && !dominates(t, v)) bad.push([v, t]);
    }
    if (bad.length === 0) return describe(n, { order, list }, idom, roots, successors, dispatched);
    for (const [v, t] of bad) {
      dispatched.add(v * n + t);
      if (!roots.includes(t)) roots.push(t);
    }
  }
}

function reversePostorder(n: number, successors: (v: number) => readonly number[]): { order: number[]; list: number[] } {
  const seen = new Array<boolean>(n + 1).fill(false);
  const post: number[] = [];
  const stack: { v: number; i: number }[] = [{ v: n, i: 0 }];
  seen[n] = true;
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { v: number; i: number };
    const next = successors(top.v)[top.i++];
    if (next === undefined) {
      post.push(top.v);
      stack.pop();
    } else if (!seen[next]) {
      seen[next] = true;
      stack.push({ v: next, i: 0 });
    }
  }
  const list = post.reverse();
  const order = new Array<number>(n + 1).fill(-1);
  for (const [i, v] of list.entries()) order[v] = i;
  return { order, list };
}

/** Immediate dominators by Cooper, Harvey and Kennedy's iteration. */
function dominators(n: number, list: readonly number[], order: readonly number[], successors: (v: number) => readonly number[]): number[] {
  const predecessors: number[][] = Array.from({ length: n + 1 }, () => []);
  for (const v of list) for (const t of successors(v)) (predecessors[t] as number[]).push(v);
  const idom = new Array<number>(n + 1).fill(-1);
  idom[n] = n;
  const intersect = (a: number, b: number): number => {
    let x = a;
    let y = b;
    while (x !== y) {
      while ((order[x] as number) > (order[y] as number)) x = idom[x] as number;
      while ((order[y] as number) > (order[x] as number)) y = idom[y] as number;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const v of list) {
      if (v === n) continue;
      let best = -1;
      for (const p of predecessors[v] as number[]) if (idom[p] !== -1) best = best === -1 ? p : intersect(p, best);
      if (best !== idom[v]) {
        idom[v] = best;
        changed = true;
      }
    }
  }
  return idom;
}

function describe(
  n: number,
  { order, list }: { readonly order: readonly number[]; readonly list: readonly number[] },
  idom: readonly number[],
  roots: readonly number[],
  successors: (v: number) => readonly number[],
  dispatched: ReadonlySet<number>,
): Structure {
  const children: number[][] = Array.from({ length: n + 1 }, () => []);
  for (const v of list) if (v !== n) (children[idom[v] as number] as number[]).push(v);
  const loops = new Set<number>();
  const forward = new Array<number>(n + 1).fill(0);
  for (const v of list) {
    for (const t of successors(v)) {
      if (v !== n && (order[t] as number) <= (order[v] as number)) loops.add(t);
      else forward[t] = (forward[t] as number) + 1;
    }
  }
  const merges = new Set<number>(list.filter((v) => (forward[v] as number) > 1 || (roots.length > 1 && roots.includes(v))));
  return {
    order,
    roots,
    children,
    loops,
    merges,
    isBackEdge: (from, to) => (order[to] as number) <= (order[from] as number) && !dispatched.has(from * n + to),
    isDispatched: (from, to) => dispatched.has(from * n + to),
  };
}
