import type { NodeAccess } from './tree/node-access.ts';
import { formatPermission, parsePermission } from './tree/permissions.ts';
import { XenStoreError } from './tree/xenstore-error.ts';
import { bytesOf, textOf } from './wire/xs-bytes.ts';

/** What can be written: bytes as they are, text as UTF-8, numbers in decimal. */
export type StoreValue = Uint8Array | string | number;

/** Names below a directory, with what to write there. */
export type StoreValues = Readonly<Record<string, StoreValue | undefined>>;

/** Reading and changing nodes, for those in the process. What XenStore refuses is thrown as a `XenStoreError`. */
export class XenStoreNodes {
  readonly #access: () => NodeAccess;

  constructor(access: () => NodeAccess) {
    this.#access = access;
  }

  /** The value of a node as text. */
  read(path: string): string {
    return textOf(this.#access().node(path).value);
  }

  /** The value of a node as a copy of its bytes. */
  readBytes(path: string): Uint8Array {
    return this.#access().node(path).value.slice();
  }

  /** The value of a node as text; undefined when there is none that the domain may know of. */
  tryRead(path: string): string | undefined {
    return this.#unless(['ENOENT', 'EACCES'], () => this.read(path));
  }

  /** The value of a node as a number; undefined when there is none or it is not a decimal number. */
  tryReadNumber(path: string): number | undefined {
    const text = this.tryRead(path);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  exists(path: string): boolean {
    return this.#unless(['ENOENT'], () => this.#access().node(path)) !== undefined;
  }

  /** Names of the children, in order of their creation. */
  list(path: string): readonly string[] {
    return this.#access().node(path).children;
  }

  /** Sets a value, and makes what is missing above it. */
  write(path: string, value: StoreValue): void {
    this.#access().write(path, typeof value === 'object' ? value.slice() : bytesOf(`${value}`));
  }

  /** Writes several values below a directory, in order; those that are undefined are left out. */
  writeAll(directory: string, values: StoreValues): void {
    for (const [name, value] of Object.entries(values)) if (value !== undefined) this.write(`${directory}/${name}`, value);
  }

  makeDirectory(path: string): void {
    this.#access().makeDirectory(path);
  }

  /** Removes a node and all below it. */
  remove(path: string): void {
    this.#access().remove(path);
  }

  /** Permissions as `n0`, `r5`: the owner's first. */
  permissions(path: string): string[] {
    return this.#access().node(path, true).permissions.map(formatPermission);
  }

  /** Replaces the permissions of a node, given as `n0`, `r5`: the owner's first. */
  setPermissions(path: string, ...entries: readonly string[]): void {
    this.#access().setPermissions(path, entries.map(parsePermission));
  }

  #unless<T>(errnos: readonly string[], read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (error instanceof XenStoreError && errnos.includes(error.errno)) return undefined;
      throw error;
    }
  }
}
