import type { AnyNode, Pattern, VariableDeclaration } from 'acorn';
import { type RecursiveVisitors, recursive } from 'acorn-walk';

const known = new WeakMap<AnyNode, ReadonlySet<string>>();

/** Whether a name is declared by what surrounds it, and so is no global. */
export function isDeclared(name: string, ancestors: readonly AnyNode[]): boolean {
  return ancestors.some((node) => namesOf(node).has(name));
}

function namesOf(node: AnyNode): ReadonlySet<string> {
  let names = known.get(node);
  if (names === undefined) {
    names = new Set(collect(node));
    known.set(node, names);
  }
  return names;
}

/** The names that a node declares for what is inside of it. */
function collect(node: AnyNode): readonly string[] {
  switch (node.type) {
    case 'Program':
      return [...node.body.flatMap(declared), ...hoisted(node)];
    case 'BlockStatement':
    case 'StaticBlock':
      return node.body.flatMap(declared);
    case 'SwitchStatement':
      return node.cases.flatMap(({ consequent }) => consequent.flatMap(declared));
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return [...node.params.flatMap(bound), ...(node.id ? [node.id.name] : []), ...hoisted(node.body)];
    case 'ClassExpression':
      return node.id ? [node.id.name] : [];
    case 'ForStatement':
      return node.init?.type === 'VariableDeclaration' ? ofVariables(node.init) : [];
    case 'ForInStatement':
    case 'ForOfStatement':
      return node.left.type === 'VariableDeclaration' ? ofVariables(node.left) : [];
    case 'CatchClause':
      return node.param ? bound(node.param) : [];
    default:
      return [];
  }
}

/** The names of a statement that hold in its block. */
function declared(node: AnyNode): readonly string[] {
  switch (node.type) {
    case 'VariableDeclaration':
      return ofVariables(node);
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return node.id ? [node.id.name] : [];
    case 'ImportDeclaration':
      return node.specifiers.map(({ local }) => local.name);
    case 'ExportNamedDeclaration':
    case 'ExportDefaultDeclaration':
      return node.declaration ? declared(node.declaration) : [];
    default:
      return [];
  }
}

function ofVariables({ declarations }: VariableDeclaration): readonly string[] {
  return declarations.flatMap(({ id }) => bound(id));
}

/** `var` anywhere inside, but not in functions of its own. */
function hoisted(body: AnyNode): readonly string[] {
  const names: string[] = [];
  const visitors: RecursiveVisitors<undefined> = {
    Function: () => undefined,
    Class: () => undefined,
    VariableDeclaration: (node) => {
      if (node.kind === 'var') names.push(...ofVariables(node));
    },
  };
  recursive(body, undefined, visitors);
  return names;
}

/** The names that a pattern binds. */
function bound(pattern: Pattern): readonly string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => bound(property.type === 'RestElement' ? property.argument : property.value));
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : bound(element)));
    case 'AssignmentPattern':
      return bound(pattern.left);
    case 'RestElement':
      return bound(pattern.argument);
    default:
      return [];
  }
}
