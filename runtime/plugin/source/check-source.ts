import { readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { capabilities, type Capability, HypervisorError } from '#sdk';
import { capabilityOfModule } from './capability-of.ts';
import { type ModuleReading, readModule, type SourcePlace, type SourceUse } from './read-module.ts';

/** The source of a plugin. */
export interface PluginSource {
  /** What it is called in messages. */
  readonly name: string;
  /** The module that exports the plugin. */
  readonly module: URL;
  /** What it imports from here is read as well. */
  readonly folder: string;
  /** What it may import without saying so. */
  readonly free: readonly string[];
}

interface PlacedUse extends SourceUse {
  readonly file: string;
}

/**
 * Reads a plugin's source, with all that it imports of its own folder, and compares what it uses with the capabilities
 * that it declares. This tells an operator what to expect of an honest plugin; it is no wall around another.
 *
 * @returns what it declares
 * @throws HypervisorError `HV_ERR_PLUGIN_CAPABILITY`, or `HV_ERR_PLUGIN_INVALID` when it cannot be read
 */
export function checkSource(source: PluginSource): ReadonlySet<Capability> {
  const check = new SourceCheck(source);
  check.read(fileURLToPath(source.module));
  return check.compare();
}

class SourceCheck {
  readonly #source: PluginSource;
  readonly #folder: string;
  readonly #seen = new Set<string>();
  readonly #uses: PlacedUse[] = [];
  readonly #declared = new Set<Capability>();

  constructor(source: PluginSource) {
    this.#source = source;
    this.#folder = realpathSync(source.folder);
  }

  read(path: string): void {
    const file = realpathSync(path);
    if (this.#seen.has(file)) return;
    this.#seen.add(file);
    const reading = this.#readFile(file);
    for (const { text, ...place } of reading.declared) this.#declare(text, file, place);
    const uses = [...reading.uses];
    for (const { specifier, ...place } of reading.imports) {
      const capability = this.#follow(specifier, file);
      if (capability !== undefined) uses.push({ ...place, what: `imports ${specifier}`, capability });
    }
    uses.sort((a, b) => a.line - b.line || a.column - b.column);
    for (const use of uses) this.#uses.push({ ...use, file });
  }

  compare(): ReadonlySet<Capability> {
    const missing = this.#uses.filter(({ capability }) => !this.#declared.has(capability));
    const [first] = missing;
    if (first === undefined) return this.#declared;
    const lacking = [...new Set(missing.map(({ capability }) => capability))];
    const more = missing.length === 1 ? '' : `, and ${missing.length - 1} more such`;
    throw new HypervisorError(
      'HV_ERR_PLUGIN_CAPABILITY',
      `the plugin ${this.#source.name} ${first.what} in ${this.#place(first.file, first)}, and does not declare the capability ${first.capability}${more}`,
      { hint: `do without, or let its declaration say capabilities: [${[...this.#declared, ...lacking].map((each) => `'${each}'`).join(', ')}]` },
    );
  }

  #readFile(file: string): ModuleReading {
    if (/\.(json|wasm|node)$/.test(file)) {
      const uses: SourceUse[] = file.endsWith('.json') ? [] : [{ line: 1, column: 1, what: 'loads machine code', capability: 'code' }];
      return { imports: [], uses, declared: [] };
    }
    try {
      return readModule(readFileSync(file, 'utf8'), file);
    } catch (cause) {
      const { loc, message } = cause as { loc?: SourcePlace; message: string };
      const place = loc === undefined ? file : this.#place(file, { line: loc.line, column: loc.column + 1 });
      const what = message.split('\n', 1)[0]?.replace(/ \(\d+:\d+\)$/, '');
      throw new HypervisorError('HV_ERR_PLUGIN_INVALID', `the plugin ${this.#source.name} cannot be read: ${what} in ${place}`, {
        hint: 'plugins are JavaScript, or TypeScript whose types can be left out',
        cause,
      });
    }
  }

  #declare(text: string | undefined, file: string, place: SourcePlace): void {
    if (text !== undefined && Object.hasOwn(capabilities, text)) {
      this.#declared.add(text as Capability);
      return;
    }
    throw new HypervisorError(
      'HV_ERR_PLUGIN_INVALID',
      `the plugin ${this.#source.name} declares ${text === undefined ? 'capabilities that are no list of texts' : `a capability "${text}"`} in ${this.#place(file, place)}`,
      { hint: `the capabilities are ${Object.keys(capabilities).join(', ')}` },
    );
  }

  /** Reads what is imported, if it is of the same folder; else what importing it needs. */
  #follow(specifier: string, from: string): Capability | undefined {
    if (this.#source.free.includes(specifier)) return undefined;
    if (!/^(\.{0,2}\/|\.\.?$|file:)/.test(specifier)) return specifier.startsWith('data:') ? 'code' : capabilityOfModule(specifier);
    const path = fileOf(specifier, from);
    // Whoever imports it says better than we could that it is not there.
    if (path === undefined) return undefined;
    const file = realpathSync(path);
    if (!file.startsWith(this.#folder + sep) || file.includes(`${sep}node_modules${sep}`, this.#folder.length)) return 'packages';
    this.read(file);
    return undefined;
  }

  #place(file: string, { line, column }: SourcePlace): string {
    const short = relative(process.cwd(), file);
    return `${short.startsWith('..') ? file : short}:${line}:${column}`;
  }
}

/** The file that an import or a `require` means. */
function fileOf(specifier: string, from: string): string | undefined {
  try {
    const path = fileURLToPath(new URL(specifier, pathToFileURL(from)));
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) return path;
    return createRequire(from).resolve(specifier);
  } catch {
    return undefined;
  }
}
