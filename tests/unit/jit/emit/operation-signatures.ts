import { type GroupName, OPERATIONS } from '../../../../jit/emit/opcodes.ts';
import type { Shapes } from '../../../../jit/emit/wasm-module.ts';
import type { WasmType } from '../../../../jit/ir/node.ts';

/** An operation of the table with the types of its operands and result. */
export interface Operation {
  readonly group: GroupName;
  readonly shape: keyof Shapes;
  readonly name: string;
  readonly operands: readonly WasmType[];
  readonly result: WasmType;
  /** Lanes of the vector, or of the access for loads and stores of a lane. */
  readonly lanes: number;
}

const LANES: Readonly<Record<string, number>> = { i8x16: 16, i16x8: 8, i32x4: 4, i64x2: 2, f32x4: 4, f64x2: 2 };
const LANE_TYPES: Readonly<Record<string, WasmType>> = { i64x2: 'i64', f32x4: 'f32', f64x2: 'f64' };
const BITS_OF: Readonly<Record<string, WasmType>> = { i32: 'f32', i64: 'f64', f32: 'i32', f64: 'i64' };

/** Type of the operand of a unary operation. */
function unaryOperand(group: GroupName, name: string, type: WasmType): WasmType {
  if (name === 'splat') return LANE_TYPES[group] ?? 'i32';
  if (name === 'wrap') return 'i64';
  if (name === 'extend_s' || name === 'extend_u') return 'i32';
  if (name === 'demote') return 'f64';
  if (name === 'promote') return 'f32';
  if (name === 'reinterpret') return BITS_OF[group] as WasmType;
  const conversion = type === 'v128' ? null : /_(i32|i64|f32|f64)_[su]$/.exec(name);
  return conversion === null ? type : (conversion[1] as WasmType);
}

function operandsOf(group: GroupName, shape: string, name: string, type: WasmType): WasmType[] {
  switch (shape) {
    case 'unary':
      return [unaryOperand(group, name, type)];
    case 'test':
    case 'extract':
      return [type];
    case 'ternary':
      return [type, type, type];
    case 'replace':
      return [type, LANE_TYPES[group] ?? 'i32'];
    case 'load':
      return ['i32'];
    case 'store':
    case 'loadLane':
    case 'storeLane':
      return ['i32', type];
    default:
      return type === 'v128' && /^sh[lr]/.test(name) ? [type, 'i32'] : [type, type];
  }
}

function resultOf(group: GroupName, shape: string, type: WasmType): WasmType {
  if (shape === 'test' || shape === 'compare') return 'i32';
  if (shape === 'extract') return LANE_TYPES[group] ?? 'i32';
  return shape === 'store' || shape === 'storeLane' ? 'none' : type;
}

/** All operations of the table. */
export const ALL_OPERATIONS: readonly Operation[] = Object.entries(OPERATIONS).flatMap(([name, shapes]) => {
  const group = name as GroupName;
  const type = (LANES[group] === undefined ? group : 'v128') as WasmType;
  return Object.entries(shapes).flatMap(([shape, operations]) =>
    Object.keys(operations).map((operation) => ({
      group,
      shape: shape as keyof Shapes,
      name: operation,
      operands: operandsOf(group, shape, operation, type),
      result: resultOf(group, shape, type),
      lanes: LANES[group] ?? 128 / Number(/\d+/.exec(operation)?.[0] ?? 128),
    })),
  );
});
