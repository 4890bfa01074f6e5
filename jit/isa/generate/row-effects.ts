import { formsOf, handlerFacts, modesOf, runRow } from '../../interp/handler-key.ts';
import type { Flag, Node } from '../../ir/node.ts';
import type { Row } from '../dsl/row.ts';

/** What the meaning of a row does to the six arithmetic flags, and which microcode it calls. */
export interface RowEffects {
  readonly reads: readonly Flag[];
  readonly writes: readonly Flag[];
  /** Microcode routines and functions, in the order they are called. */
  readonly routines: readonly string[];
}

/** The six arithmetic flags in the manual's order. */
const FLAGS: readonly Flag[] = ['of', 'sf', 'zf', 'af', 'pf', 'cf'];

/** Flags behind the eight pairs of condition codes. */
const CONDITION_FLAGS: readonly (readonly Flag[])[] = [['of'], ['cf'], ['zf'], ['cf', 'zf'], ['sf'], ['pf'], ['sf', 'of'], ['zf', 'sf', 'of']];

const flagsWritten = (node: Node): readonly Flag[] => {
  if (node.op === 'setResultFlags') return FLAGS;
  if (node.op === 'setFlags') return node.flag === 'inc' || node.flag === 'dec' ? FLAGS.filter((flag) => flag !== 'cf') : FLAGS;
  return node.op === 'assignFlags' ? (Object.keys(node.flags ?? {}) as Flag[]) : [];
};

const flagsRead = (node: Node): readonly Flag[] => {
  if (node.op === 'flag') return [node.name as Flag];
  return node.op === 'condition' ? (CONDITION_FLAGS[(node.lane as number) >> 1] ?? []) : [];
};

/** Every node of a program, nested ones too. */
function* nodesOf(program: readonly Node[]): Generator<Node> {
  for (const node of program) {
    yield node;
    yield* nodesOf(node.then ?? []);
    yield* nodesOf(node.otherwise ?? []);
  }
}

/** The program of one form of a row in the widest mode it runs in. */
function programOf(row: Row, memory: boolean): readonly Node[] {
  const mode = Math.max(...modesOf(row)) as 16 | 32 | 64;
  return runRow(row, memory, handlerFacts(row, memory, mode, mode, mode)).program;
}

/** Runs the meaning of a row in all its forms and collects what it does. */
export function rowEffects(row: Row): RowEffects {
  const nodes = formsOf(row).flatMap((memory) => [...nodesOf(programOf(row, memory))]);
  const reads = new Set(nodes.flatMap(flagsRead));
  const writes = new Set(nodes.flatMap(flagsWritten));
  const routines = new Set(nodes.filter((node) => node.op === 'system' || node.op === 'call').map((node) => node.name as string));
  return { reads: FLAGS.filter((flag) => reads.has(flag)), writes: FLAGS.filter((flag) => writes.has(flag)), routines: [...routines] };
}
