import type { FrontendNodes, NodeValue, NodeValues, StoreAccess, StoreWatch } from '../../backend/store-access.ts';

/** A store without permissions, for backends under test. */
export class FakeStore implements StoreAccess {
  readonly domid = 0;
  readonly #nodes = new Map<string, string>();
  readonly #watches = new Map<object, { path: string; listener: (path: string) => void }>();

  read(path: string): string {
    const value = this.#nodes.get(path);
    if (value === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { errno: 'ENOENT' });
    return value;
  }

  tryRead(path: string): string | undefined {
    return this.#nodes.get(path);
  }

  tryReadNumber(path: string): number | undefined {
    const text = this.tryRead(path);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  exists(path: string): boolean {
    return this.#nodes.has(path) || this.list(path).length > 0;
  }

  list(path: string): readonly string[] {
    const below = [...this.#nodes.keys()].filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1));
    return [...new Set(below.map((name) => name.split('/', 1)[0] ?? ''))];
  }

  write(path: string, value: NodeValue): void {
    this.#nodes.set(path, typeof value === 'object' ? new TextDecoder().decode(value) : `${value}`);
    this.#changed(path);
  }

  writeAll(directory: string, values: NodeValues): void {
    for (const [name, value] of Object.entries(values)) if (value !== undefined) this.write(`${directory}/${name}`, value);
  }

  remove(path: string): void {
    for (const name of [...this.#nodes.keys()]) if (name === path || name.startsWith(`${path}/`)) this.#nodes.delete(name);
    this.#changed(path);
  }

  watch(path: string, listener: (path: string) => void): StoreWatch {
    const key = {};
    this.#watches.set(key, { path, listener });
    queueMicrotask(() => this.#watches.get(key)?.listener(path));
    const close = (): void => void this.#watches.delete(key);
    return { close, [Symbol.dispose]: close };
  }

  /** Nodes below a directory, as a backend gets those of its frontend. */
  nodesBelow(directory: string): FrontendNodes {
    return { read: (name) => this.tryRead(`${directory}/${name}`), readNumber: (name) => this.tryReadNumber(`${directory}/${name}`) };
  }

  #changed(path: string): void {
    for (const [key, watch] of this.#watches) {
      const touches = path === watch.path || path.startsWith(`${watch.path}/`) || watch.path.startsWith(`${path}/`);
      if (touches) queueMicrotask(() => this.#watches.get(key)?.listener(path));
    }
  }
}
