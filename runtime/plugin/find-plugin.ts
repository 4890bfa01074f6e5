import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HypervisorError } from '#sdk';

/** Our own plugins stand beside the runtime, in the sources as in a published package. */
const OWN = join(import.meta.dirname, '../../plugins');
const INDEX = `index${extname(import.meta.filename)}`;

/** The names of the plugins that come with Xylem. */
export function ownPlugins(): string[] {
  if (!existsSync(OWN)) return [];
  return readdirSync(OWN)
    .filter((name) => existsSync(join(OWN, name, INDEX)))
    .sort();
}

/** Where a plugin is. */
export interface FoundPlugin {
  /** The module that exports it. */
  readonly module: URL;
  /** Its own folder; undefined for one of ours, which is as trusted as the runtime. */
  readonly folder?: string;
}

/**
 * Where a plugin is: one of ours by its name, a file or folder by its path, or an installed package.
 *
 * @param directory - where relative paths and packages are looked for
 * @throws HypervisorError `HV_ERR_PLUGIN_UNKNOWN`
 */
export function findPlugin(name: string, directory: string): FoundPlugin {
  if (isPath(name)) {
    const file = fileOf(resolve(directory, name), name);
    return { module: pathToFileURL(file), folder: dirname(file) };
  }
  const own = join(OWN, name, INDEX);
  if (/^[\w-]+$/.test(name) && existsSync(own)) return { module: pathToFileURL(own) };
  try {
    const file = createRequire(join(directory, 'package.json')).resolve(name);
    return { module: pathToFileURL(file), folder: packageOf(file) };
  } catch (cause) {
    throw unknown(name, `neither one of ours nor an installed package; ours are ${ownPlugins().join(', ')}`, cause);
  }
}

/** The folder of the package that a file belongs to. */
function packageOf(file: string): string {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  return dirname(file);
}

function isPath(name: string): boolean {
  return isAbsolute(name) || name.startsWith('.') || /\.[cm]?[jt]s$/.test(name);
}

function fileOf(path: string, name: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined) throw unknown(name, 'there is no such file');
  if (!isFolder) return path;
  const index = ['index.ts', 'index.js', 'index.mjs'].map((file) => join(path, file)).find((file) => existsSync(file));
  if (index === undefined) throw unknown(name, 'the folder has no index.ts or index.js');
  return index;
}

function unknown(name: string, why: string, cause?: unknown): HypervisorError {
  return new HypervisorError('HV_ERR_PLUGIN_UNKNOWN', `there is no plugin "${name}": ${why}`, {
    hint: 'name one of ours, a path that begins with ./ or /, or a package',
    ...(cause === undefined ? {} : { cause }),
  });
}
