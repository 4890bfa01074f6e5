import { stripTypeScriptTypes } from 'node:module';
import { type AnyNode, type CallExpression, type ImportExpression, type MemberExpression, type Node, type ObjectExpression, type Program, parse } from 'acorn';
import { ancestor } from 'acorn-walk';
import type { Capability } from '#sdk';
import { capabilityOfGlobal } from './capability-of.ts';
import { isDeclared } from './scope.ts';

/** A place in a file, counted from 1. */
export interface SourcePlace {
  readonly line: number;
  readonly column: number;
}

/** Something in a source that needs a capability. */
export interface SourceUse extends SourcePlace {
  /** What it is, as the end of a sentence that begins with the plugin: `uses eval`. */
  readonly what: string;
  readonly capability: Capability;
}

/** What a source says about itself. */
export interface ModuleReading {
  /** What it imports by a name that is written there. */
  readonly imports: readonly (SourcePlace & { readonly specifier: string })[];
  /** What it uses by itself. */
  readonly uses: readonly SourceUse[];
  /** What stands in declarations of plugins as `capabilities`; an entry that is no text is undefined. */
  readonly declared: readonly (SourcePlace & { readonly text: string | undefined })[];
}

/**
 * Reads the source of a module without running it.
 *
 * @throws SyntaxError, with a place as acorn gives it where it can
 */
export function readModule(source: string, fileName: string): ModuleReading {
  const reader = new Reader();
  const program = parseSource(/\.[cm]?ts$/.test(fileName) ? stripTypes(source) : source, fileName);
  ancestor(program, {
    ImportDeclaration: (node) => reader.imported(node, node.source.value),
    ExportAllDeclaration: (node) => reader.imported(node, node.source.value),
    ExportNamedDeclaration: (node) => {
      if (node.source) reader.imported(node, node.source.value);
    },
    ImportExpression: (node) => reader.importing(node),
    Identifier: (node, _state, ancestors) => {
      if (!isDeclared(node.name, ancestors)) reader.global(node.name, node, ancestors);
    },
    MemberExpression: (node, _state, ancestors) => reader.member(node, ancestors),
    ObjectExpression: (node) => reader.object(node),
  });
  return reader;
}

function parseSource(source: string, fileName: string): Program {
  const options = { ecmaVersion: 'latest', locations: true, allowHashBang: true } as const;
  if (/\.c[jt]s$/.test(fileName)) return parse(source, { ...options, sourceType: 'commonjs' });
  try {
    return parse(source, { ...options, sourceType: 'module' });
  } catch (error) {
    // A package may be of the older kind without its files' names saying so.
    if (/^\s*(import|export)\b/m.test(source)) throw error;
    return parse(source, { ...options, sourceType: 'commonjs' });
  }
}

/** Types become blanks, so that places stay. Node warns that this may change, which is ours to see to. */
function stripTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

class Reader implements ModuleReading {
  readonly imports: (SourcePlace & { specifier: string })[] = [];
  readonly uses: SourceUse[] = [];
  readonly declared: (SourcePlace & { text: string | undefined })[] = [];

  imported(node: Node, specifier: unknown): void {
    this.imports.push({ ...placeOf(node), specifier: String(specifier) });
  }

  importing(node: ImportExpression): void {
    const name = textOf(node.source);
    if (name === undefined) this.#use(node, 'imports a module by a computed name', 'code');
    else this.imported(node, name);
  }

  global(name: string, node: Node, ancestors: readonly AnyNode[]): void {
    const parent = ancestors.at(-2);
    if (name === 'globalThis' || name === 'global') {
      const property = parent?.type === 'MemberExpression' && parent.object === node ? propertyOf(parent) : undefined;
      if (property === undefined) this.#use(node, `uses ${name} by computed names`, 'code');
      else this.#useGlobal(node, property);
      return;
    }
    if (name === 'require' && parent?.type === 'CallExpression' && parent.callee === node && this.#required(parent)) return;
    // `module.exports = ...` is how an older module exports.
    if (name === 'module' && parent?.type === 'MemberExpression' && propertyOf(parent) === 'exports') return;
    this.#useGlobal(node, name);
  }

  /** `f.constructor('...')` makes a function of a text. */
  member(node: MemberExpression, ancestors: readonly AnyNode[]): void {
    if (propertyOf(node) !== 'constructor' || node.object.type === 'ThisExpression') return;
    const parent = ancestors.at(-2);
    const isCalled = (parent?.type === 'CallExpression' || parent?.type === 'NewExpression') && parent.callee === node;
    const isNested = parent?.type === 'MemberExpression' && propertyOf(parent) === 'constructor';
    if (isCalled || isNested) this.#use(node, 'calls a constructor that it takes from a value', 'code');
  }

  /** The declaration of a plugin is an object that has a name and capabilities. */
  object({ properties }: ObjectExpression): void {
    const named = properties.flatMap((property) => (property.type === 'Property' ? [property] : []));
    const find = (key: string) =>
      named.find((property) => !property.computed && (property.key.type === 'Identifier' ? property.key.name : textOf(property.key)) === key);
    const list = find('capabilities');
    if (list === undefined || find('name') === undefined) return;
    const elements = list.value.type === 'ArrayExpression' ? list.value.elements : [list.value];
    for (const element of elements) this.declared.push({ ...placeOf(element ?? list.value), text: element === null ? undefined : textOf(element) });
  }

  #required(call: CallExpression): boolean {
    const name = call.arguments[0] === undefined ? undefined : textOf(call.arguments[0]);
    if (name !== undefined) this.imported(call, name);
    return name !== undefined;
  }

  #useGlobal(node: Node, name: string): void {
    const capability = capabilityOfGlobal(name);
    if (capability !== undefined) this.#use(node, `uses ${name}`, capability);
  }

  #use(node: Node, what: string, capability: Capability): void {
    this.uses.push({ ...placeOf(node), what, capability });
  }
}

function placeOf({ loc }: Node): SourcePlace {
  return { line: loc?.start.line ?? 1, column: (loc?.start.column ?? 0) + 1 };
}

/** The name of a property, when it is written there. */
function propertyOf({ computed, property }: MemberExpression): string | undefined {
  if (!computed) return property.type === 'Identifier' ? property.name : '';
  return textOf(property);
}

/** A text that is written as one. */
function textOf(node: AnyNode): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  return node.type === 'TemplateLiteral' && node.expressions.length === 0 ? (node.quasis[0]?.value.cooked ?? undefined) : undefined;
}
