import { parseModule, TYPES } from '../../jit/emit/binaryen.ts';
import { HandlerEmitter } from '../../jit/interp/handler-emitter.ts';
import { handlerFacts, runRow } from '../../jit/interp/handler-key.ts';
import type { InstructionFacts } from '../../jit/ir/machine.ts';
import type { Node } from '../../jit/ir/node.ts';
import type { Row } from '../../jit/isa/dsl/row.ts';
import { buildMicrocode } from '../../jit/microcode/build-microcode.ts';
import { createBoard } from '../../jit/vcpu/board.ts';
import * as L from '../../jit/state/vcpu-layout.ts';

/** A row in one form, its immediate known (as in translated code) or left to the record. */
export interface Snippet {
  readonly row: Row;
  readonly memory: boolean;
  readonly immediate?: number;
}

/** Linear address of the memory operand of every snippet, which is its address in RAM as well. */
export const OPERAND_ADDRESS = 0x5000;
/** Number of the register in ModRM.reg, and of that in ModRM.rm. */
export const REG = 1;
export const RM = 2;

type Routine = (...args: (number | bigint)[]) => number | bigint;

const factsOf = ({ row, memory, immediate }: Snippet): InstructionFacts => {
  const facts = handlerFacts(row, memory, 64, 64, 64);
  if (immediate === undefined) return facts;
  const operands = facts.operands.map((o) => (o.kind === 'immediate' ? { ...o, value: BigInt(immediate) } : o));
  return { ...facts, operands };
};

/** Every call in a program as an import of module text. */
function importsOf(nodes: readonly Node[], into: Map<string, string>): void {
  for (const node of nodes) {
    if (node.op === 'call') {
      const name = node.name as string;
      const params = node.args.map((a) => a.type).join(' ');
      into.set(name, `(import "micro" "${name}" (func $${name} ${params ? `(param ${params})` : ''} ${node.type === 'none' ? '' : `(result ${node.type})`}))`);
    }
    importsOf(node.then ?? [], into);
    importsOf(node.otherwise ?? [], into);
  }
}

/** Runs the meaning of single rows on a bare machine state, beside the microcode. */
export class RowMachine {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly ram: Uint8Array;
  readonly micro: Record<string, Routine>;
  private readonly exports: Record<string, Routine>;

  readonly snippets: readonly Snippet[];

  constructor(snippets: readonly Snippet[]) {
    this.snippets = snippets;
    const state = new WebAssembly.Memory({ initial: L.STATE_PAGES, maximum: L.STATE_PAGES, shared: true });
    const ram = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    const board = createBoard(1).shared;
    const module = new WebAssembly.Module(buildMicrocode() as BufferSource);
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      (imports[from] ??= {})[name] = kind === 'memory' ? (name === 'ram' ? ram : name === 'board' ? board : state) : () => 0;
    }
    const micro = new WebAssembly.Instance(module, imports).exports;
    this.micro = micro as Record<string, Routine>;
    this.exports = new WebAssembly.Instance(new WebAssembly.Module(compile(snippets) as BufferSource), { micro } as WebAssembly.Imports).exports as Record<
      string,
      Routine
    >;
    this.view = new DataView(state.buffer);
    this.bytes = new Uint8Array(state.buffer);
    this.ram = new Uint8Array(ram.buffer);
    this.prepare();
  }

  /** A record with plain operands, and a TLB entry for the memory operand. */
  private prepare(): void {
    const { view } = this;
    const rec = L.ARENA;
    view.setUint16(rec + L.REC_BASE, L.ZERO, true);
    view.setUint16(rec + L.REC_INDEX, L.ZERO, true);
    view.setUint8(rec + L.REC_SEG, 8);
    view.setInt32(rec + L.REC_DISP, OPERAND_ADDRESS, true);
    view.setUint32(L.TLB_BASE, L.TLB, true);
    view.setBigUint64(L.CR4, 0x600n, true);
    const entry = L.TLB + (OPERAND_ADDRESS >> 12) * L.TLB_ENTRY_SIZE;
    view.setBigUint64(entry + L.TLB_READ, BigInt(OPERAND_ADDRESS), true);
    view.setBigUint64(entry + L.TLB_WRITE, BigInt(OPERAND_ADDRESS), true);
  }

  /** Runs snippet `i`; `immediate` is what the record says. Returns the vector of the fault, or -1. */
  run(i: number, immediate = 0): number {
    const { view } = this;
    const { row } = this.snippets[i] as Snippet;
    const at = (kinds: RegExp, number: number): number => {
      const kind = row.operands.find((k) => kinds.test(k)) ?? 'r';
      return kind.startsWith('x') ? L.XMM + 16 * number : kind.startsWith('q') ? L.FPU_ST + 16 * number : L.GPR + 8 * number;
    };
    view.setUint16(L.ARENA + L.REC_REG, at(/^(r\d+|x|q)$/, REG), true);
    view.setUint16(L.ARENA + L.REC_RM, at(/^(rm\d+|x[mr]\d*|q[mr]\d*)$/, RM), true);
    view.setBigInt64(L.ARENA + L.REC_IMM, BigInt(immediate), true);
    view.setUint32(L.FAULT, 0, true);
    (this.exports[`s${i}`] as Routine)(L.ARENA);
    return view.getUint32(L.FAULT, true) ? view.getInt32(L.FAULT_VECTOR, true) : -1;
  }
}

/** A module with one function per snippet. */
function compile(snippets: readonly Snippet[]): Uint8Array {
  const programs = snippets.map((s) => runRow(s.row, s.memory, factsOf(s)).program);
  const imports = new Map<string, string>();
  for (const program of programs) importsOf(program, imports);
  imports.set('x87_pending', '(import "micro" "x87_pending" (func $x87_pending (result i32)))');
  imports.set('slowRead', '(import "micro" "slowRead" (func $slowRead (param i64 i32) (result i64)))');
  imports.set('slowRead128', '(import "micro" "slowRead128" (func $slowRead128 (param i64 i32)))');
  imports.set('slowWrite', '(import "micro" "slowWrite" (func $slowWrite (param i64 i32 i64)))');
  imports.set('slowWrite128', '(import "micro" "slowWrite128" (func $slowWrite128 (param i64 i32)))');
  const module = parseModule(`(module
    (import "micro" "memory" (memory $state ${L.STATE_PAGES} ${L.STATE_PAGES} shared))
    (import "micro" "ram" (memory $ram 1 65536 shared))
    ${[...imports.values()].join('\n')}
    (func $blockedVector (param i32) (result i32) (i32.const 7))
    (func $slowAddress (param i64 i32 i32 i32) (result i64) (local.get 0))
    (func $segmentAddress (param i64 i32 i32 i32) (result i64) (local.get 0)))`);
  for (const [i, program] of programs.entries()) {
    const emitter = new HandlerEmitter(module, factsOf(snippets[i] as Snippet));
    const body = emitter.lower(program);
    module.addFunction(
      `s${i}`,
      TYPES.i32,
      TYPES.none,
      emitter.locals.map((t) => TYPES[t]),
      module.block(null, body),
    );
    module.addFunctionExport(`s${i}`, `s${i}`);
  }
  if (!module.validate()) throw new Error('the snippets do not validate');
  const wasm = module.emitBinary();
  module.dispose();
  return wasm;
}
