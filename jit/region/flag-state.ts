import type { Expr } from '../emit/wasm-types.ts';
import type { Emitter } from '../emit/emitter.ts';
import type { Flag, Node } from '../ir/node.ts';
import type { PendingFlags } from './pending-flags.ts';

/**
 * Flags at a place: a base (a known operation, the words in memory, or whatever the dynamic locals say), and single
 * flags that were set since, each in a local of its own.
 */
export interface FlagState {
  readonly base: PendingFlags | 'memory' | 'dynamic';
  readonly over: ReadonlyMap<Flag, number>;
}

/** No single flags. */
export const NONE: ReadonlyMap<Flag, number> = new Map();

/** All flags are in the lazy words of machine state. */
export const MEMORY: FlagState = { base: 'memory', over: NONE };

/** All flags are where the dynamic locals say. */
export const DYNAMIC: FlagState = { base: 'dynamic', over: NONE };

/** True when a node of a list, or of the branches inside it, passes the test. */
const anyNode = (nodes: readonly Node[], test: (n: Node) => boolean): boolean =>
  nodes.some((n) => test(n) || anyNode(n.then ?? [], test) || anyNode(n.otherwise ?? [], test));

/** True when a branch sets flags. */
export function touchesFlags(node: Node): boolean {
  const sets = (n: Node): boolean => n.op === 'setFlags' || n.op === 'assignFlags' || n.op === 'setResultFlags';
  return anyNode([...(node.then ?? []), ...(node.otherwise ?? [])], sets);
}

/** True when a branch may read flags, by itself or through a value made before it. */
export function readsFlags(node: Node): boolean {
  const reads = (n: Node): boolean => n.op === 'flag' || n.op === 'condition' || n.args.some(reads);
  return anyNode([...(node.then ?? []), ...(node.otherwise ?? [])], reads);
}

/** The flags a condition looks at. */
export function conditionFlags(code: number): readonly Flag[] {
  return ([['of'], ['cf'], ['zf'], ['cf', 'zf'], ['sf'], ['pf'], ['sf', 'of'], ['zf', 'sf', 'of']] as const)[code >> 1] as readonly Flag[];
}

/** A condition (without its low bit) from single flags. */
export function combine(e: Emitter, code: number, flag: (f: Flag) => Expr): Expr {
  switch (code >> 1) {
    case 0:
      return flag('of');
    case 1:
      return flag('cf');
    case 2:
      return flag('zf');
    case 3:
      return e.op('i32.or', flag('cf'), flag('zf'));
    case 4:
      return flag('sf');
    case 5:
      return flag('pf');
    case 6:
      return e.op('i32.xor', flag('sf'), flag('of'));
    default:
      return e.op('i32.or', flag('zf'), e.op('i32.xor', flag('sf'), flag('of')));
  }
}
