import { isBuiltin } from 'node:module';
import type { Capability } from '#sdk';

/** Modules of Node that only compute. */
const FREE = new Set(
  'assert async_hooks buffer console crypto diagnostics_channel events path perf_hooks punycode querystring stream string_decoder timers url util zlib'.split(
    ' ',
  ),
);

const MODULES: Readonly<Record<string, Capability>> = {
  fs: 'files',
  sqlite: 'files',
  net: 'network',
  dgram: 'network',
  dns: 'network',
  http: 'network',
  https: 'network',
  http2: 'network',
  tls: 'network',
  child_process: 'programs',
  cluster: 'programs',
  worker_threads: 'threads',
  process: 'process',
  os: 'process',
  tty: 'process',
  readline: 'process',
};

const GLOBALS: Readonly<Record<string, Capability>> = {
  eval: 'code',
  Function: 'code',
  WebAssembly: 'code',
  require: 'code',
  module: 'code',
  process: 'process',
  fetch: 'network',
  WebSocket: 'network',
  EventSource: 'network',
};

/** What a module of Node needs; undefined when it needs nothing. What is not known here may do anything. */
export function capabilityOfModule(specifier: string): Capability | undefined {
  const name = specifier.replace(/^node:/, '').split('/', 1)[0] ?? '';
  if (FREE.has(name)) return undefined;
  if (Object.hasOwn(MODULES, name)) return MODULES[name];
  return isBuiltin(specifier) ? 'code' : 'packages';
}

/** What a global needs; undefined when it needs nothing. */
export function capabilityOfGlobal(name: string): Capability | undefined {
  return Object.hasOwn(GLOBALS, name) ? GLOBALS[name] : undefined;
}
