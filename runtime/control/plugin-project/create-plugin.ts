import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { HypervisorError } from '#sdk';
import { guideBlocks } from './guide-blocks.ts';
import { PLUGIN_KINDS, type PluginKind } from './plugin-kinds.ts';

/** The package that we are: its name and version, and where it is. */
export interface OwnPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

/** What project is to be written. */
export interface PluginProject {
  /** The plugin's name, which is the folder's too. */
  readonly name: string;
  /** One of {@link PLUGIN_KINDS}. */
  readonly kind: string;
  /** Where the folder is made. */
  readonly directory: string;
}

const LONGEST_NAME = 64;
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Writes a plugin project that works: the files of the guide for its kind, under another name.
 *
 * @returns the folder
 * @throws HypervisorError when the name or the kind cannot be, or the folder cannot be made; nothing is left then
 */
export function createPluginProject({ name, kind, directory }: PluginProject, own: OwnPackage): string {
  if (!NAME.test(name) || name.length > LONGEST_NAME) {
    throw new HypervisorError(
      'HV_ERR_CLI_OPTION',
      `"${name}" is no name for a plugin; expected were small letters, digits and single dashes, at most ${LONGEST_NAME}`,
      {
        hint: 'write for instance sched-mine',
      },
    );
  }
  const known = Object.hasOwn(PLUGIN_KINDS, kind) ? PLUGIN_KINDS[kind] : undefined;
  if (known === undefined) {
    throw new HypervisorError('HV_ERR_CLI_OPTION', `there is no kind "${kind}" of plugins`, { hint: `choose one of ${Object.keys(PLUGIN_KINDS).join(', ')}` });
  }
  const files = projectFiles(name, known, own);
  const folder = resolve(directory, name);
  makeFolder(folder);
  try {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw cannotWrite(folder, cause);
  }
  return folder;
}

/** The files of a project by their names. */
export function projectFiles(name: string, kind: PluginKind, own: OwnPackage): Readonly<Record<string, string>> {
  const blocks = guideBlocks(readFileSync(join(own.folder, 'sdk/docs/guides', `${kind.guide}.md`), 'utf8'));
  const rename = renamer(kind.name, name);
  const code = Object.fromEntries(Object.entries(blocks).map(([file, text]) => [file, rename(text)]));
  return { ...code, 'package.json': manifest(name, own), 'README.md': readme(name, kind, own) };
}

/** Puts another plugin's name, subject and identifiers into the place of the guide's. */
function renamer(from: string, to: string): (text: string) => string {
  const [old, fresh] = [subjectOf(from), subjectOf(to)];
  const words: readonly (readonly [RegExp, string])[] = [
    [new RegExp(`\\b${from}\\b`, 'g'), to],
    [new RegExp(`\\b${camel(from)}\\b`, 'g'), camel(to)],
    // Quoted, or written by an operator: `scratch:16,xvda,w`.
    [new RegExp(`(?<=['/])${old}(?=[':])`, 'g'), fresh],
    [new RegExp(`${pascal(old)}(?=[A-Z(]|\\b)`, 'g'), pascal(fresh)],
  ];
  return (text) => words.reduce((changed, [pattern, word]) => changed.replace(pattern, word), text);
}

/** What a plugin is about: its name without the kind. */
function subjectOf(name: string): string {
  return name.replace(/^(sched|vbd|vif|dev|net|trace)-(?=.)/, '');
}

function pascal(name: string): string {
  return name.replace(/(^|-)([a-z0-9])/g, (_match, _dash, letter: string) => letter.toUpperCase());
}

function camel(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

function manifest(name: string, own: OwnPackage): string {
  const fields = {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    exports: './index.ts',
    scripts: { test: 'node --test' },
    peerDependencies: { [own.name]: `^${own.version}` },
    engines: { node: '^24.11.0 || >=26.0.0' },
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

function readme(name: string, kind: PluginKind, own: OwnPackage): string {
  const usage = kind.usage === '' ? '' : ` ${kind.usage.replace('%', subjectOf(name))}`;
  return `# ${name}

A plugin for ${own.name}. \`npm test\` runs its tests with the suite of its kind; \`${kind.guide}.md\` in the guides of ${own.name} explains
each line.

    npx xm run --kernel FILE --plugin ./${name}${usage}

Node runs TypeScript as it is from any folder but \`node_modules\`: a package that is to be installed has to be compiled before.
`;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotWrite(folder, cause);
    throw new HypervisorError('HV_ERR_FILE_WRITE', `${folder} is there already, and nothing was written`, { hint: 'choose another name, or remove it', cause });
  }
}

function cannotWrite(folder: string, cause: unknown): HypervisorError {
  return new HypervisorError('HV_ERR_FILE_WRITE', `${folder} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, {
    hint: 'go to a folder that exists and may be written to',
    cause,
  });
}
