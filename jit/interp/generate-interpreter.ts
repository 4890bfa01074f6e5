import { type Expr, parseModule, TYPES, type WasmModule } from '../emit/binaryen.ts';
import binaryen from 'binaryen';
import { markWrites } from '../ir/mark-writes.ts';
import type { Node } from '../ir/node.ts';
import { TABLE } from '../isa/table/index.ts';
import * as L from '../state/vcpu-layout.ts';
import { HandlerEmitter } from './handler-emitter.ts';
import { dimensionsOf, formsOf, handlersOf } from './handler-key.ts';

/** Handlers that are not instructions, at the start of the function table. */
export const SPECIAL_HANDLERS = ['none', 'undefined', 'end', 'stale', 'forward', 'protection'] as const;

/** What the predecoder must know of the generated interpreter. */
export interface InterpreterIndex {
  /** Handler names by table index. */
  readonly handlers: readonly string[];
  /** Dimensions of each row form (`id/r`, `id/m`) that are part of its handler names. */
  readonly dimensions: Readonly<Record<string, readonly string[]>>;
  /** Functions that generated code may call: parameter and result types. */
  readonly functions: Readonly<Record<string, { readonly params: readonly string[]; readonly results: readonly string[] }>>;
}

const typeNames = (t: binaryen.Type): string[] =>
  binaryen
    .expandType(t)
    .map((x) => (Object.entries(TYPES).find(([, v]) => v === x) as [string, number])[0])
    .filter((n) => n !== 'none');

/** Types of the functions a module exports, and of the interpreter's own. */
function functionsOf(bytes: Uint8Array): InterpreterIndex['functions'] {
  const module = binaryen.readBinary(bytes);
  const out: Record<string, { params: string[]; results: string[] }> = {
    dispatch: { params: ['i32'], results: [] },
    segmentAddress: { params: ['i64', 'i32', 'i32', 'i32'], results: ['i64'] },
    blockedVector: { params: ['i32'], results: ['i32'] },
  };
  for (let i = 0; i < module.getNumExports(); i++) {
    const info = binaryen.getExportInfo(module.getExportByIndex(i));
    if (info.kind !== binaryen.ExternalFunction) continue;
    const f = binaryen.getFunctionInfo(module.getFunction(info.value));
    out[info.name] = { params: typeNames(f.params), results: typeNames(f.results) };
  }
  module.dispose();
  return out;
}

/** Exports of a wasm module as import declarations for module text. */
function importsOf(bytes: Uint8Array, from: string): string {
  const module = binaryen.readBinary(bytes);
  const name = (t: binaryen.Type): string =>
    binaryen
      .expandType(t)
      .map((x) => (Object.entries(TYPES).find(([, v]) => v === x) as [string, number])[0])
      .join(' ');
  let text = '';
  for (let i = 0; i < module.getNumExports(); i++) {
    const info = binaryen.getExportInfo(module.getExportByIndex(i));
    if (info.kind !== binaryen.ExternalFunction) continue;
    const f = binaryen.getFunctionInfo(module.getFunction(info.value));
    text += `(import "${from}" "${info.name}" (func $${info.name} (param ${name(f.params)}) (result ${name(f.results)})))\n`
      .replace('(param )', '')
      .replace('(result )', '')
      .replace('(result none)', '')
      .replace('(param none)', '');
  }
  module.dispose();
  return text;
}

const skeleton = (microcode: Uint8Array, handlers: number): string => `(module
  (import "micro" "memory" (memory $state ${L.STATE_PAGES} ${L.STATE_PAGES} shared))
  (import "micro" "ram" (memory $ram 1 65536 shared))
  (import "host" "table" (table $table ${handlers} funcref))
  (import "host" "hot" (func $hot (param i32)))
  (type $handler (func (param i32)))
  ${importsOf(microcode, 'micro')}
  (func $slowAddress (param $offset i64) (param $rec i32) (param $bytes i32) (param $write i32) (result i64)
    (local $seg i32)
    (local.set $seg (i32.load8_u $state offset=${L.REC_SEG} (local.get $rec)))
    (if (i32.and (local.get $seg) (i32.const 16))
      (then (local.set $offset (i64.load $state offset=${L.REC_IMM} (local.get $rec)))))
    (if (i32.and (local.get $seg) (i32.const 8)) (then (return (local.get $offset))))
    (i32.store $state offset=${L.CUR_REC} (i32.const 0) (local.get $rec))
    (call $segmentAddress (local.get $offset) (i32.and (local.get $seg) (i32.const 7)) (local.get $bytes) (local.get $write)))
  (func $segmentAddress (export "segmentAddress") (param $offset i64) (param $seg i32) (param $bytes i32) (param $write i32) (result i64)
    (if (i32.eq (i32.and (i32.load $state offset=${L.CTX} (i32.const 0)) (i32.const ${L.MODE_CODE_MASK})) (i32.const 2))
      (then
        (if (i32.lt_u (local.get $seg) (i32.const 4)) (then (return (local.get $offset))))
        (return (i64.add (local.get $offset) (i64.load $state offset=${L.SEG} (i32.mul (local.get $seg) (i32.const ${L.SEG_SIZE})))))))
    (call $segLinear (local.get $seg) (local.get $offset) (local.get $bytes) (local.get $write)))
  (func $blockedVector (export "blockedVector") (param $unit i32) (result i32)
    (local $cr0 i32)
    (local.set $cr0 (i32.load $state offset=${L.CR0} (i32.const 0)))
    (if (i32.eq (local.get $unit) (i32.const 0)) (then (return (i32.const 7))))
    (if (i32.and (local.get $cr0) (i32.const 4)) (then (return (i32.const 6))))
    (if (i32.eq (local.get $unit) (i32.const 1))
      (then (if (i32.eqz (i32.and (i32.load $state offset=${L.CR4} (i32.const 0)) (i32.const 0x200))) (then (return (i32.const 6))))))
    (i32.const 7))
  (func $dispatch (export "dispatch") (param $slot i32)
    (local $rip i64) (local $entry i32) (local $rec i32)
    (local.set $rip (i64.load $state offset=${L.RIP} (i32.const 0)))
    (local.set $entry (i32.add (i32.const ${L.JUMP_CACHE}) (i32.mul (i32.const ${L.JUMP_CACHE_ENTRY_SIZE})
      (i32.and (i32.xor (i32.wrap_i64 (local.get $rip)) (i32.wrap_i64 (i64.shr_u (local.get $rip) (i64.const 11)))) (i32.const ${L.JUMP_CACHE_ENTRIES - 1})))))
    (if (i64.eq (i64.load $state offset=${L.JC_RIP} (local.get $entry)) (local.get $rip))
      (then (if (if (result i32) (i32.eq (i32.load $state offset=${L.JC_CTX} (local.get $entry)) (i32.load $state offset=${L.CTX} (i32.const 0)))
                  (then (i32.const 1))
                  (else (call $reviveJump (local.get $entry) (local.get $rip))))
      (then
        (local.set $rec (i32.load $state offset=${L.JC_REC} (local.get $entry)))
        (if (i32.and (i32.ne (local.get $slot) (i32.const 0)) (i32.and (i32.load $state offset=${L.JC_PAGE} (local.get $entry)) (i32.const 1)))
          (then (i32.store $state (local.get $slot) (local.get $rec))))
        (return_call_indirect $table (type $handler) (local.get $rec) (i32.load $state (local.get $rec)))))))
    (local.set $rec (call $findBlock))
    (if (local.get $rec)
      (then
        (if (local.get $slot) (then (i32.store $state (local.get $slot) (local.get $rec))))
        (return_call_indirect $table (type $handler) (local.get $rec) (i32.load $state (local.get $rec)))))
    (i32.store $state offset=${L.EXIT_REASON} (i32.const 0) (i32.const ${L.EXIT_LOOKUP})))
  (func $enterRecord (export "enterRecord") (param $rec i32)
    (call_indirect $table (type $handler) (local.get $rec) (i32.load $state (local.get $rec))))
  (func $none (param $rec i32) (unreachable))
  (func $undefined (param $rec i32)
    (i32.store $state offset=${L.FAULT} (i32.const 0) (i32.const 1))
    (i32.store $state offset=${L.FAULT_VECTOR} (i32.const 0) (i32.const 6))
    (i32.store $state offset=${L.FAULT_ERROR} (i32.const 0) (i32.const -1))
    (i32.store $state offset=${L.CUR_REC} (i32.const 0) (local.get $rec))
    (i32.store $state offset=${L.EXIT_REASON} (i32.const 0) (i32.const ${L.EXIT_FAULT})))
  (func $protection (param $rec i32)
    (i32.store $state offset=${L.FAULT} (i32.const 0) (i32.const 1))
    (i32.store $state offset=${L.FAULT_VECTOR} (i32.const 0) (i32.const 13))
    (i32.store $state offset=${L.FAULT_ERROR} (i32.const 0) (i32.const 0))
    (i32.store $state offset=${L.CUR_REC} (i32.const 0) (local.get $rec))
    (i32.store $state offset=${L.EXIT_REASON} (i32.const 0) (i32.const ${L.EXIT_FAULT})))
  (func $end (param $rec i32)
    (local $next i32)
    (local.set $next (i32.add (i32.load $state offset=${L.REC_HEAT} (local.get $rec)) (i32.const 1)))
    (i32.store $state offset=${L.REC_HEAT} (local.get $rec) (local.get $next))
    (if (i32.eq (local.get $next) (i32.load $state offset=${L.HOT_LIMIT} (i32.const 0))) (then (call $hot (local.get $rec))))
    (i64.store $state offset=${L.RIP} (i32.const 0) (i64.add (i64.load $state offset=${L.RIP} (i32.const 0)) (i64.load16_u $state offset=${L.REC_OFFSET} (local.get $rec))))
    (i32.store $state offset=${L.BUDGET} (i32.const 0) (i32.sub (i32.load $state offset=${L.BUDGET} (i32.const 0)) (i32.load8_u $state offset=${L.REC_ORDINAL} (local.get $rec))))
    (if (i32.le_s (i32.or (i32.load $state offset=${L.BUDGET} (i32.const 0)) (i32.load $state offset=${L.KICK} (i32.const 0))) (i32.const 0)) (then (return)))
    (local.set $next (i32.load $state offset=${L.REC_CHAIN} (local.get $rec)))
    (if (i32.gt_u (local.get $next) (i32.const 1)) (then (return_call_indirect $table (type $handler) (local.get $next) (i32.load $state (local.get $next)))))
    (return_call $dispatch (select (i32.add (local.get $rec) (i32.const ${L.REC_CHAIN})) (i32.const 0) (local.get $next))))
  (func $stale (param $rec i32)
    (i64.store $state offset=${L.RIP} (i32.const 0) (i64.add (i64.load $state offset=${L.RIP} (i32.const 0)) (i64.load16_u $state offset=${L.REC_OFFSET} (local.get $rec))))
    (i32.store $state offset=${L.BUDGET} (i32.const 0) (i32.sub (i32.load $state offset=${L.BUDGET} (i32.const 0)) (i32.load8_u $state offset=${L.REC_ORDINAL} (local.get $rec))))
    (i32.store $state offset=${L.CUR_REC} (i32.const 0) (local.get $rec))
    (i32.store $state offset=${L.EXIT_REASON} (i32.const 0) (i32.const ${L.EXIT_LOOKUP})))
  (func $forward (param $rec i32)
    (local $next i32)
    (local.set $next (i32.load $state offset=${L.REC_CHAIN} (local.get $rec)))
    (return_call_indirect $table (type $handler) (local.get $next) (i32.load $state (local.get $next))))
)`;

/** True when the last statement of the program leaves the handler by itself. */
const ends = (program: readonly Node[]): boolean => {
  const last = program.filter((n) => !n.pure).at(-1);
  return last !== undefined && (last.op === 'system' || last.op === 'branchRelative' || last.op === 'jump');
};

/** Emits one handler as a function called `name`. */
function emitHandler(module: WasmModule, name: string, handler: ReturnType<typeof handlersOf>[number]): void {
  markWrites(handler.program);
  const emitter = new HandlerEmitter(module, handler.key.facts);
  const body: Expr[] = emitter.lower(handler.program);
  if (!ends(handler.program)) body.push(emitter.next());
  module.addFunction(
    name,
    TYPES.i32,
    TYPES.none,
    emitter.locals.map((t) => TYPES[t]),
    module.block(null, body),
  );
}

/** Names of the microcode functions a program calls. */
function callsOf(nodes: readonly Node[]): string[] {
  return nodes.flatMap((n) => [...(n.op === 'call' || n.op === 'system' ? [n.name as string] : []), ...callsOf(n.then ?? []), ...callsOf(n.otherwise ?? [])]);
}

function hasFunction(module: WasmModule, name: string): boolean {
  return module.getFunction(name) !== 0;
}

/** Generates the interpreter from the instruction table, to be merged with the microcode. */
export function generateInterpreter(microcode: Uint8Array): { wasm: Uint8Array; index: InterpreterIndex } {
  const handlers = TABLE.flatMap((row) => handlersOf(row));
  const names: string[] = [...SPECIAL_HANDLERS, ...handlers.map((h) => h.name)];
  const dimensions: Record<string, string[]> = {};
  for (const row of TABLE) for (const memory of formsOf(row)) dimensions[`${row.id}/${memory ? 'm' : 'r'}`] = [...dimensionsOf(row, memory)].sort();
  const module = parseModule(skeleton(microcode, names.length));
  const missing = new Map<string, string>();
  for (const [i, handler] of handlers.entries()) {
    const unknown = callsOf(handler.program).find((name) => !hasFunction(module, name));
    if (unknown !== undefined) missing.set(unknown, handler.name);
    if (unknown !== undefined) continue;
    try {
      emitHandler(module, `h${i}`, handler);
    } catch (error) {
      throw new Error(`handler ${handler.name}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (missing.size > 0 && !process.env['XYLEM_DEV']) throw new Error(`the microcode lacks ${[...missing].map(([name, by]) => `${name} (${by})`).join(', ')}`);
  if (missing.size > 0) console.error('missing', [...missing.keys()].join(' '));
  module.addActiveElementSegment(
    'table',
    'handlers',
    [...SPECIAL_HANDLERS, ...handlers.map((_, i) => (hasFunction(module, `h${i}`) ? `h${i}` : 'undefined'))],
    module.i32.const(0),
  );
  if (process.env['XYLEM_VALIDATE'] && !module.validate()) throw new Error('the interpreter does not validate');
  const wasm = module.emitBinary();
  module.dispose();
  return { wasm, index: { handlers: names, dimensions, functions: functionsOf(microcode) } };
}
