import type { Node } from './node.ts';

/** Marks address nodes that a store goes to, for the segment check. */
export function markWrites(nodes: readonly Node[]): void {
  for (const node of nodes) {
    const address = node.args[0];
    if (address && (node.op === 'store' || (node.op === 'load' && node.modify))) address.write = true;
    if (node.then) markWrites(node.then);
    if (node.otherwise) markWrites(node.otherwise);
  }
}
