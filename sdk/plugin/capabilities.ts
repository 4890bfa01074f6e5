/**
 * What a plugin may declare that it uses, beyond computing and the SDK, and what that covers. A plugin's source is read
 * before it is loaded, and one that uses more than it declares is refused.
 */
export const capabilities = Object.freeze({
  /** Reads or writes files: `node:fs`, `node:sqlite`. */
  files: 'reads or writes files',
  /** Talks to other hosts: `node:net`, `node:http`, `fetch`. */
  network: 'opens sockets or sends requests',
  /** Starts programs: `node:child_process`. */
  programs: 'starts programs',
  /** Starts threads: `node:worker_threads`. */
  threads: 'starts threads',
  /** Looks at the process and its host, or changes them: `process`, `node:os`. */
  process: 'uses the process and its environment',
  /** Runs what cannot be read before: `eval`, `new Function`, `node:vm`, WebAssembly, a computed `import()`. */
  code: 'runs code that cannot be read before',
  /** Imports what is not read: packages, and files outside of its folder. */
  packages: 'imports packages or files outside of its folder',
});

/** The name of something that a plugin may declare that it uses. */
export type Capability = keyof typeof capabilities;
