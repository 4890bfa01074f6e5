import type { Node } from '../ir/node.ts';
import { flagUse } from './flag-flow.ts';

const SETS_FLAGS = new Set(['setFlags', 'setResultFlags', 'assignFlags']);

/** Takes a node out of the reckoning of its arguments' uses. */
function forget(node: Node): void {
  for (const arg of node.args) arg.uses--;
}

/** A list without the nodes that set flags; a branch that does nothing else goes as well. */
function withoutFlags(nodes: readonly Node[]): Node[] {
  return nodes.filter((node) => {
    if (SETS_FLAGS.has(node.op)) {
      forget(node);
      return false;
    }
    const branches = [node.then, node.otherwise].filter((list) => list !== undefined);
    for (const list of branches) list.splice(0, list.length, ...withoutFlags(list));
    if (node.op !== 'if' || branches.some((list) => list.some((n) => !n.pure))) return true;
    for (const n of [node, ...branches.flat()]) forget(n);
    return false;
  });
}

/**
 * The programs of a block's instructions without flags that nothing can see: all are set again before anything reads them
 * or may leave the block. At its end they count as read. Nodes are changed in place.
 */
export function dropDeadFlags(programs: readonly (readonly Node[])[]): (readonly Node[])[] {
  const out = [...programs];
  let live = true;
  for (let i = programs.length - 1; i >= 0; i--) {
    let program = programs[i] as readonly Node[];
    if (!live) program = withoutFlags(program);
    out[i] = program;
    const use = flagUse(program);
    if (use.reads) live = true;
    else if (use.sets) live = false;
  }
  return out;
}
