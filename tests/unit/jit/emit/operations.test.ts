import { describe, expect, it } from 'vitest';
import binaryen from 'binaryen';
import { Builders } from '../../../../jit/emit/builders.ts';
import { ByteModule } from '../../../../jit/emit/byte-module.ts';
import type { WasmModule } from '../../../../jit/emit/wasm-module.ts';
import { type Expr, TYPES, typeList, unpackTypes } from '../../../../jit/emit/wasm-types.ts';
import { handlersOf } from '../../../../jit/interp/handler-key.ts';
import type { Node, WasmType } from '../../../../jit/ir/node.ts';
import { TABLE } from '../../../../jit/isa/table/index.ts';
import { bothOutcomes, ENVIRONMENT } from './both-backends.ts';
import { ALL_OPERATIONS, type Operation } from './operation-signatures.ts';

/** Loads the i-th operand of a round from the pattern in memory. */
const operand = (m: WasmModule, type: WasmType, round: number, i: number): Expr =>
  m[type as 'i32'].load(0x8000 + round * 48 + i * 16, 1, m.i32.const(0), 'state');

/** One use of the operation, its result stored; other rounds use other operands. */
function use(m: WasmModule, operation: Operation, round: number): Expr {
  const { group, name, shape, operands, result, lanes } = operation;
  const build = new Builders(m).op(`${group}.${name}`);
  const isAccess = shape === 'load' || shape === 'store' || shape === 'loadLane' || shape === 'storeLane';
  const values = operands.map((type, i) => (isAccess && i === 0 ? m.i32.const(round * 32) : operand(m, type, round, i)));
  const lane = round % lanes;
  const [first = 0, ...rest] = values;
  const made = isAccess
    ? build(...([round * 40, 1, ...(shape.endsWith('Lane') ? [lane] : []), first, ...rest, round & 1 ? 'ram' : 'state'] as number[]))
    : shape === 'extract' || shape === 'replace'
      ? build(first, lane, ...rest)
      : build(...values);
  return result === 'none' ? made : m[result as 'i32'].store(round * 16, 1, m.i32.const(0), made, 'ram');
}

/** Names of the WebAssembly operations in programs. */
function operationNames(nodes: readonly Node[], names: Set<string>): void {
  for (const node of nodes) {
    if (node.op.includes('.')) names.add(node.op);
    operationNames(node.then ?? [], names);
    operationNames(node.otherwise ?? [], names);
  }
}

describe('operations', () => {
  it.each(ALL_OPERATIONS.map((o) => [`${o.group}.${o.name}`, o] as const))('%s does in both backends the same', (_name, operation) => {
    for (let round = 0; round < 6; round++) {
      const { binaryen: expected, own } = bothOutcomes((m) => {
        m.addFunction('run', TYPES.none, TYPES.none, [], use(m, operation, round));
        m.addFunctionExport('run', 'run');
      });
      expect(own.ended).toBe(expected.ended);
      expect(own.state.equals(expected.state)).toBe(true);
      expect(own.ram.equals(expected.ram)).toBe(true);
    }
  });

  it('shuffle takes the lanes it is told', () => {
    const { binaryen: expected, own } = bothOutcomes((m) => {
      const lanes = [31, 0, 16, 15, 7, 8, 9, 10, 30, 29, 1, 2, 3, 17, 18, 19];
      const value = m.i8x16.shuffle(operand(m, 'v128', 0, 0), operand(m, 'v128', 1, 0), lanes);
      m.addFunction('run', TYPES.none, TYPES.none, [], m.v128.store(0, 1, m.i32.const(0), value, 'ram'));
      m.addFunctionExport('run', 'run');
    });
    expect(own.ram.equals(expected.ram)).toBe(true);
  });

  it('of the instruction table all exist', () => {
    const names = new Set<string>();
    for (const row of TABLE) for (const handler of handlersOf(row)) operationNames(handler.program, names);
    expect(names.size).toBeGreaterThan(150);
    const builders = new Builders(new ByteModule(ENVIRONMENT));
    for (const name of names) expect(builders.op(name === 'v128.shuffle' ? 'i8x16.shuffle' : name)).toBeTypeOf('function');
    expect(() => builders.op('i32.sine')).toThrow('there is no operation i32.sine');
  });

  it('have the long names of WebAssembly text too', () => {
    const builders = new Builders(new ByteModule(ENVIRONMENT));
    for (const name of ['i32.wrap_i64', 'i64.extend_i32_u', 'f32.demote_f64', 'i64.reinterpret_f64', 'i32.trunc_sat_f64_s', 'i8x16.add_sat_u']) {
      expect(builders.op(name)).toBeTypeOf('function');
    }
  });
});

describe('types', () => {
  it('have the numbers that Binaryen gives them', () => {
    const { none, i32, i64, f32, f64, v128 } = binaryen;
    expect(TYPES).toEqual({ none, i32, i64, f32, f64, v128 });
  });

  it('are packed into one number and taken out again', () => {
    for (const names of [[], ['i32'], ['i32', 'i64'], ['v128', 'f32', 'f64', 'i64', 'i32'], Array.from({ length: 13 }, () => 'v128')]) {
      expect(unpackTypes(typeList(names))).toEqual(names.map((n) => TYPES[n as WasmType]));
    }
    expect(typeList(['i64'])).toBe(TYPES.i64);
    expect(() => typeList(Array.from({ length: 14 }, () => 'i32'))).toThrow(/14 types/);
  });
});
