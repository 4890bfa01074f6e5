import { ALL_FLAGS, type Flag, FLAG_BIT, type Node } from '../ir/node.ts';

/** What a list of instructions does with something: whether it needs what was before it, and whether it replaces that in any case. */
interface Use {
  reads: boolean;
  sets: boolean;
}

/** How nodes use what is asked about. */
interface Question {
  reads(node: Node): boolean;
  sets(node: Node): boolean;
}

/** INC and DEC keep CF. */
const keepsCarry = (node: Node): boolean => node.op === 'setFlags' && (node.flag === 'inc' || node.flag === 'dec');

/** A condition that looks at CF. */
const conditionOnCarry = (node: Node): boolean => node.op === 'condition' && ((node.lane as number) >> 1 === 1 || (node.lane as number) >> 1 === 3);

const setsAll = (node: Node): boolean => (node.op === 'setFlags' && !keepsCarry(node)) || node.op === 'setResultFlags';

const ABOUT_CARRY: Question = {
  reads: (node) => keepsCarry(node) || conditionOnCarry(node) || (node.op === 'flag' && node.name === 'cf'),
  sets: (node) => setsAll(node) || (node.op === 'assignFlags' && node.flags?.cf !== undefined),
};

/** Effects after which control cannot have left the block. */
const STAYS = new Set([
  'variable',
  'assign',
  'writeRegister',
  'readState',
  'writeState',
  'setFlags',
  'setResultFlags',
  'assignFlags',
  'branchRelative',
  'if',
  'fence',
]);

const ABOUT_ALL: Question = {
  // who leaves in the middle of a block takes all flags along
  reads: (node) => keepsCarry(node) || node.op === 'flag' || node.op === 'condition' || (!node.pure && !STAYS.has(node.op)),
  sets: (node) => {
    if (node.op !== 'assignFlags') return setsAll(node);
    return Object.keys(node.flags ?? {}).reduce((mask, flag) => mask | FLAG_BIT[flag as Flag], 0) === ALL_FLAGS;
  },
};

function scan(nodes: readonly Node[], question: Question, use: Use, nested: boolean): void {
  for (const node of nodes) {
    if (!use.sets && question.reads(node)) use.reads = true;
    scan(node.then ?? [], question, use, true);
    scan(node.otherwise ?? [], question, use, true);
    if (!nested && question.sets(node)) use.sets = true;
  }
}

/** Whether an instruction needs the flags before it, or may take them out of its block, and whether it sets all of them in any case. */
export function flagUse(program: readonly Node[]): { readonly reads: boolean; readonly sets: boolean } {
  const use: Use = { reads: false, sets: false };
  scan(program, ABOUT_ALL, use, false);
  return use;
}

/** The blocks of a region as the programs of their instructions, and where each may go on inside it. */
export interface Flow {
  readonly blocks: readonly (readonly (readonly Node[])[])[];
  readonly successors: readonly (readonly number[])[];
}

function solve({ blocks, successors }: Flow, question: Question, leaves: (block: number) => boolean): boolean[] {
  const uses = blocks.map((programs) => {
    const use: Use = { reads: false, sets: false };
    for (const program of programs) scan(program, question, use, false);
    return use;
  });
  const reads = uses.map((use, b) => use.reads || (!use.sets && leaves(b)));
  for (let changed = true; changed; ) {
    changed = false;
    for (let b = blocks.length - 1; b >= 0; b--) {
      if (reads[b] || uses[b]?.sets || !successors[b]?.some((t) => reads[t])) continue;
      reads[b] = true;
      changed = true;
    }
  }
  return reads;
}

/** For each block whether CF at its start may be read before it is set again, by itself or by what follows in the region. */
export function carryFlow(flow: Flow): boolean[] {
  return solve(flow, ABOUT_CARRY, () => false);
}

/** For each block whether flags at its start may be read, or taken along out of the region, before all are set again. */
export function flagFlow(flow: Flow, leaves: (block: number) => boolean): boolean[] {
  return solve(flow, ABOUT_ALL, leaves);
}
