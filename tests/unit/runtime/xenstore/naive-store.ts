/** A node of the model. `version` changes with every change of the node. */
interface ModelNode {
  value: string;
  perms: string[];
  children: string[];
  version: number;
}

type Tree = Map<string, ModelNode>;

/** A transaction of the model: a copy of everything, and what it looked at, in order. */
interface ModelTransaction {
  readonly client: number;
  readonly began: Tree;
  readonly tree: Tree;
  readonly touched: string[];
  readonly fire: Map<string, 'exact' | 'tree'>;
}

/** The error of a request. */
class Refused extends Error {}

const parent = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const isBelow = (path: string, above: string): boolean => above === '/' || path === above || path.startsWith(`${above}/`);
const copyOf = (tree: Tree): Tree => new Map([...tree].map(([path, node]) => [path, { ...node, perms: [...node.perms], children: [...node.children] }]));

/** XenStore in the plainest terms: transactions copy the tree, watches are a list, and nothing is limited. */
export class NaiveStore {
  readonly tree: Tree = new Map([['/', { value: '', perms: ['n0'], children: [], version: 0 }]]);
  readonly events: string[][] = [[], [], []];
  readonly transactions = new Map<string, ModelTransaction>();
  readonly watches: { client: number; path: string; token: string }[] = [];
  #version = 0;

  /** Does a request; returns the reply as text. */
  ask(client: number, type: string, path: string, rest: string, tx: number): string {
    const transaction = this.transactions.get(`${client}:${tx}`);
    if (tx !== 0 && transaction === undefined) return 'ENOENT';
    try {
      return this.#do(client, type, path, rest, transaction);
    } catch (error) {
      if (error instanceof Refused) return error.message;
      throw error;
    }
  }

  begin(client: number, id: number): void {
    this.transactions.set(`${client}:${id}`, { client, began: copyOf(this.tree), tree: copyOf(this.tree), touched: [], fire: new Map() });
  }

  end(client: number, id: number, commit: boolean): string {
    const key = `${client}:${id}`;
    const transaction = this.transactions.get(key);
    if (transaction === undefined) return 'ENOENT';
    this.transactions.delete(key);
    if (!commit) return 'OK';
    const { touched, began, tree, fire } = transaction;
    if (touched.some((path) => this.tree.get(path)?.version !== began.get(path)?.version)) return 'EAGAIN';
    for (const path of touched) {
      const node = tree.get(path);
      if (node?.version === began.get(path)?.version) continue;
      if (node === undefined) this.tree.delete(path);
      else this.tree.set(path, { ...node, version: ++this.#version });
    }
    for (const path of touched) {
      const how = fire.get(path);
      if (how !== undefined) this.#fire(path, how === 'exact', began.get(path));
    }
    return 'OK';
  }

  watch(client: number, path: string, token: string): string {
    if (this.watches.some((watch) => watch.client === client && watch.path === path && watch.token === token)) return 'EEXIST';
    this.watches.push({ client, path, token });
    this.#event(client, path, token);
    return 'OK';
  }

  unwatch(client: number, path: string, token: string): string {
    const at = this.watches.findIndex((watch) => watch.client === client && watch.path === path && watch.token === token);
    if (at < 0) return 'ENOENT';
    this.watches.splice(at, 1);
    return 'OK';
  }

  #do(client: number, type: string, path: string, rest: string, transaction: ModelTransaction | undefined): string {
    const tree = transaction?.tree ?? this.tree;
    const look = (at: string): ModelNode | undefined => {
      if (transaction !== undefined && !transaction.touched.includes(at)) transaction.touched.push(at);
      return tree.get(at);
    };
    const node = look(path);
    const need = type === 'read' || type === 'list' || type === 'perms' ? 'r' : 'w';
    const allowed = node !== undefined && this.#may(client, node, need) && (type !== 'setPerms' || this.#owns(client, node));
    if (!allowed) {
      let above = path;
      let there: ModelNode | undefined;
      do {
        above = parent(above);
        there = look(above);
      } while (there === undefined);
      const mayKnow = this.#may(client, there, need) || (type === 'setPerms' && this.#owns(client, there));
      if (node !== undefined || !mayKnow) throw new Refused('EACCES');
    }
    const changed = (before?: ModelNode): void => {
      if (transaction === undefined) this.#fire(path, false, before);
      else transaction.fire.set(path, 'tree');
    };
    switch (type) {
      case 'read':
        if (node === undefined) throw new Refused('ENOENT');
        return `=${node.value}`;
      case 'list':
        if (node === undefined) throw new Refused('ENOENT');
        return `=${node.children.join()}`;
      case 'perms':
        if (node === undefined) throw new Refused('ENOENT');
        return `=${node.perms.join()}`;
      case 'write':
      case 'mkdir': {
        if (node !== undefined && type === 'mkdir') return 'OK';
        const target = node ?? this.#make(client, path, tree, look);
        target.value = type === 'write' ? rest : target.value;
        target.version = ++this.#version;
        changed();
        return 'OK';
      }
      case 'setPerms': {
        if (node === undefined) throw new Refused('ENOENT');
        const perms = rest.split(',');
        if (client !== 0 && perms[0]!.slice(1) !== node.perms[0]!.slice(1)) throw new Refused('EPERM');
        const before = { ...node, perms: node.perms };
        node.perms = perms;
        node.version = ++this.#version;
        changed(before);
        return 'OK';
      }
      default: {
        if (node === undefined) {
          if (look(parent(path)) === undefined) throw new Refused('ENOENT');
          return 'OK';
        }
        if (path === '/') throw new Refused('EINVAL');
        this.#remove(path, path, tree, look, transaction);
        const above = look(parent(path))!;
        above.children = above.children.filter((child) => child !== name(path));
        above.version = ++this.#version;
        return 'OK';
      }
    }
  }

  #make(client: number, path: string, tree: Tree, look: (at: string) => ModelNode | undefined): ModelNode {
    const above = look(parent(path)) ?? this.#make(client, parent(path), tree, look);
    above.children.push(name(path));
    above.version = ++this.#version;
    const [owner = '', ...others] = above.perms;
    const made: ModelNode = { value: '', perms: [client === 0 ? owner : `${owner[0]}${client}`, ...others], children: [], version: ++this.#version };
    tree.set(path, made);
    return made;
  }

  #remove(path: string, root: string, tree: Tree, look: (at: string) => ModelNode | undefined, transaction: ModelTransaction | undefined): void {
    const node = look(path)!;
    for (const child of node.children) this.#remove(`${path}/${child}`, root, tree, look, transaction);
    const exact = path !== root;
    if (transaction === undefined) this.#fire(path, exact, node);
    else if (transaction.fire.get(path) !== 'tree') transaction.fire.set(path, exact ? 'exact' : 'tree');
    tree.delete(path);
  }

  #owns(client: number, node: ModelNode): boolean {
    return client === 0 || node.perms[0]!.slice(1) === `${client}`;
  }

  #may(client: number, node: ModelNode, need: 'r' | 'w'): boolean {
    if (this.#owns(client, node)) return true;
    const entry = node.perms.slice(1).find((perm) => perm.slice(1) === `${client}`) ?? node.perms[0]!;
    return entry[0] === need || entry[0] === 'b';
  }

  #fire(path: string, exact: boolean, before?: ModelNode): void {
    const node = this.tree.get(path);
    const ordered = [0, 1, 2].flatMap((client) => this.watches.filter((watch) => watch.client === client));
    for (const { client, path: watched, token } of ordered) {
      if (exact ? path !== watched : !isBelow(path, watched)) continue;
      const above = this.tree.get(parent(path));
      const reads = (at: ModelNode | undefined): boolean => at !== undefined && this.#may(client, at, 'r');
      if (reads(before) || (node !== undefined && (reads(node) || reads(above)))) this.#event(client, path, token);
    }
  }

  #event(client: number, path: string, token: string): void {
    const event = `${path} ${token}`;
    if (!this.events[client]!.includes(event)) this.events[client]!.push(event);
  }
}
