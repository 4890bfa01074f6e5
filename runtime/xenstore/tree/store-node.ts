import type { Permission } from './permissions.ts';

/** A node of the tree. Never changed: a change makes a new one, which is what transactions compare. */
export interface StoreNode {
  readonly value: Uint8Array;
  /** The owner's entry first; never empty. */
  readonly permissions: readonly [Permission, ...Permission[]];
  /** Names of the children, in order of their creation. */
  readonly children: readonly string[];
  /** Length of `children` on the wire: each name with its NUL. */
  readonly childBytes: number;
  /** Count of the store's changes when this one was made. */
  readonly generation: number;
}

/** What a node takes in xenstored: its header, 8 bytes for each permission, value and names of children. */
export function nodeSize(node: StoreNode): number {
  return 16 + 8 * node.permissions.length + node.value.length + node.childBytes;
}

/** The domain that a node counts for. */
export function ownerOf(node: StoreNode): number {
  return node.permissions[0].domid;
}

/** The same node with one more child. */
export function withChild(node: StoreNode, name: string): StoreNode {
  return { ...node, children: [...node.children, name], childBytes: node.childBytes + name.length + 1 };
}

/** The same node without a child. */
export function withoutChild(node: StoreNode, name: string): StoreNode {
  return { ...node, children: node.children.filter((child) => child !== name), childBytes: node.childBytes - name.length - 1 };
}
