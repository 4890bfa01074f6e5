import type { DomainTable } from './domain-table.ts';
import type { NodeView } from './node-view.ts';
import { Access, type Permission } from './permissions.ts';
import type { StoreDomain } from './store-domain.ts';
import { nodeSize, ownerOf, type StoreNode, withChild, withoutChild } from './store-node.ts';
import { baseName, childPath, parentOf, resolvePath } from './store-path.ts';
import { XenStoreError, type XsErrno } from './xenstore-error.ts';

const EMPTY = new Uint8Array(0);

/** Removes a node and all below it, children first, as xenstored announces it. Its parent keeps the name. */
function removeBelow(view: NodeView, path: string, root: string): void {
  const node = view.get(path);
  if (node === undefined) return;
  for (const child of node.children) removeBelow(view, childPath(path, child), root);
  // Before the node is gone, so that its permissions still say who may hear of it.
  view.changed(path, path !== root, node);
  view.delete(path);
}

/** Removes a node, all below it, and its name from its parent. */
export function removeTree(view: NodeView, path: string): void {
  removeBelow(view, path, path);
  const parent = view.get(parentOf(path));
  if (parent !== undefined) view.put(parentOf(path), withoutChild(parent, baseName(path)));
}

/** What one domain does with the nodes of a view, within its rights and quotas. */
export class NodeAccess {
  readonly #domain: StoreDomain;
  readonly #domains: DomainTable;
  readonly #view: NodeView;

  constructor(domain: StoreDomain, domains: DomainTable, view: NodeView) {
    this.#domain = domain;
    this.#domains = domains;
    this.#view = view;
  }

  /** A node that the domain may read. */
  node(path: string, special = false): StoreNode {
    return this.#need(resolvePath(this.#domain, path, special), Access.READ);
  }

  /** Sets a value; makes the node and those above it when they are missing. */
  write(path: string, value: Uint8Array): void {
    const name = resolvePath(this.#domain, path);
    const node = this.#find(name);
    if (node === undefined) this.#create(name, value);
    else this.#store(name, { ...node, value });
    this.#view.changed(name, false);
  }

  /** Makes a node when it is missing. */
  makeDirectory(path: string): void {
    const name = resolvePath(this.#domain, path);
    if (this.#find(name) !== undefined) return;
    this.#create(name, EMPTY);
    this.#view.changed(name, false);
  }

  /** Removes a node and all below it. It is no error when it is missing and its parent is there. */
  remove(path: string): void {
    const name = resolvePath(this.#domain, path);
    if (this.#find(name) === undefined) {
      if (this.#view.get(parentOf(name)) === undefined) throw new XenStoreError('ENOENT', name);
      return;
    }
    if (name === '/') throw new XenStoreError('EINVAL', 'the root cannot be removed');
    removeTree(this.#view, name);
  }

  /** Replaces the permissions of a node. Only domain 0 gives a node away. */
  setPermissions(path: string, wanted: readonly Permission[]): void {
    if (this.#domain.over('nodePermissions', wanted.length)) throw new XenStoreError('ENOSPC', 'too many permissions');
    const [owner, ...others] = wanted.map((entry) => this.#known(entry));
    if (owner === undefined) throw new XenStoreError('EINVAL', 'no permissions');
    if (owner.ignored) throw new XenStoreError('ENOENT', `no domain ${owner.domid}`);
    const name = resolvePath(this.#domain, path, true);
    const node = this.#need(name, Access.WRITE | Access.OWNER);
    if (!this.#domain.privileged && owner.domid !== ownerOf(node)) throw new XenStoreError('EPERM', 'only domain 0 changes the owner');
    this.#store(name, { ...node, permissions: [owner, ...others] });
    this.#view.changed(name, false, node);
  }

  #known({ domid, access }: Permission): Permission {
    return this.#domains.get(domid) === undefined ? { domid, access, ignored: true } : { domid, access };
  }

  #need(name: string, bits: number): StoreNode {
    const node = this.#view.get(name);
    if (node !== undefined && (this.#domains.accessBy(this.#domain, node.permissions) & bits) === bits) return node;
    throw new XenStoreError(this.#refusal(name, node === undefined ? 'ENOENT' : 'EACCES', bits), name);
  }

  /** A node that may be written, or undefined when the domain may know that it is missing. */
  #find(name: string): StoreNode | undefined {
    const node = this.#view.get(name);
    if (node !== undefined && (this.#domains.accessBy(this.#domain, node.permissions) & Access.WRITE) !== 0) return node;
    const errno = this.#refusal(name, node === undefined ? 'ENOENT' : 'EACCES', Access.WRITE);
    if (errno !== 'ENOENT') throw new XenStoreError(errno, name);
    return undefined;
  }

  /** Whether a node exists is told only to those who have the right on what is above it. */
  #refusal(name: string, errno: XsErrno, bits: number): XsErrno {
    let above = name;
    let node: StoreNode | undefined;
    do {
      above = parentOf(above);
      node = this.#view.get(above);
    } while (node === undefined && above !== '/');
    return node !== undefined && (this.#domains.accessBy(this.#domain, node.permissions) & bits) !== 0 ? errno : 'EACCES';
  }

  #create(name: string, value: Uint8Array): void {
    const made: { path: string; node: StoreNode }[] = [];
    const missing: string[] = [];
    let above = name;
    let parent: StoreNode | undefined;
    do {
      missing.push(above);
      above = parentOf(above);
      parent = this.#view.get(above);
    } while (parent === undefined && above !== '/');
    if (parent === undefined) throw new XenStoreError('ENOENT', above);
    const [owner, ...others] = parent.permissions;
    const permissions = [this.#domain.privileged ? owner : { domid: this.#domain.domid, access: owner.access }, ...others] as const;
    const empty: StoreNode = { value: EMPTY, permissions, children: [], childBytes: 0, generation: parent.generation };
    missing.forEach((path, i) => {
      const below = missing[i - 1];
      made.push({ path, node: below === undefined ? { ...empty, value } : withChild(empty, baseName(below)) });
    });
    made.push({ path: above, node: withChild(parent, baseName(missing.at(-1) ?? name)) });
    this.#checkRoom(made, missing.length);
    for (const { path, node } of made) this.#view.put(path, node);
  }

  #store(path: string, node: StoreNode): void {
    this.#checkRoom([{ path, node }], 0);
    this.#view.put(path, node);
  }

  /** All of a change fits, or none of it is made. */
  #checkRoom(made: readonly { path: string; node: StoreNode }[], nodes: number): void {
    const domain = this.#domain;
    const bytes = made.reduce((sum, { path, node }) => sum + this.#view.cost(path, node), 0);
    let refused: XenStoreError | undefined;
    if (nodes > 0 && domain.over('nodes', this.#view.nodesOf(domain) + nodes)) refused = new XenStoreError('ENOSPC', 'too many nodes');
    else if (made.some(({ node }) => domain.over('nodeSize', nodeSize(node)))) refused = new XenStoreError('ENOSPC', 'a node that is too large');
    else if (bytes > 0 && domain.over('memory', domain.memory + bytes)) refused = new XenStoreError('ENOMEM', 'too much memory');
    if (refused === undefined) return;
    this.#view.spoil();
    throw refused;
  }
}
