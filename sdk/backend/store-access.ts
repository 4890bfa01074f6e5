/** What can be written: bytes as they are, text as UTF-8, numbers in decimal. */
export type NodeValue = Uint8Array | string | number;

/** Names below a directory, with what to write there; what is undefined is left out. */
export type NodeValues = Readonly<Record<string, NodeValue | undefined>>;

/** A watch on a part of the store. */
export interface StoreWatch extends Disposable {
  /** Ends the watch: its listener is not called again. */
  close(): void;
}

/** XenStore as a backend sees it: with the rights of its own domain. What is refused is thrown as an error with an `errno`. */
export interface StoreAccess {
  /** The domain it acts as. */
  readonly domid: number;
  /** The value of a node as text. */
  read(path: string): string;
  /** The value of a node as text; undefined when there is none. */
  tryRead(path: string): string | undefined;
  /** The value of a node as a decimal number; undefined when there is none or it is something else. */
  tryReadNumber(path: string): number | undefined;
  /** Whether there is a node. */
  exists(path: string): boolean;
  /** Names of the children. */
  list(path: string): readonly string[];
  /** Sets a value, and makes what is missing above it. */
  write(path: string, value: NodeValue): void;
  /** Writes several values below a directory. */
  writeAll(directory: string, values: NodeValues): void;
  /** Removes a node and all below it. */
  remove(path: string): void;
  /** Calls back once soon, and after each change of a path or what is below it. */
  watch(path: string, listener: (path: string) => void): StoreWatch;
}

/** The nodes of a frontend, below its directory. Any guest may write anything there, at any time: it is to be judged. */
export interface FrontendNodes {
  /** The text of a node; undefined when there is none. */
  read(name: string): string | undefined;
  /** A decimal number of at most 15 digits; undefined for anything else. */
  readNumber(name: string): number | undefined;
}
