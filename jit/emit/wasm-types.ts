import type { WasmType } from '../ir/node.ts';

/** A WebAssembly value type, or several as `typeList` packs them. */
export type Type = number;

/** An expression of a module under construction; each may be used once. */
export type Expr = number;

/** Numbers of the types: the same in both backends. */
export const TYPES: Readonly<Record<WasmType, Type>> = { none: 0, i32: 2, i64: 3, f32: 4, f64: 5, v128: 6 };

/** Type of an expression that control does not come out of. */
export const UNREACHABLE: Type = 1;

/** Types that one number can hold. */
const MOST_TYPES = 13;

/** The type of a parameter or result list by type names: three bits for each type, the first one lowest. */
export function typeList(names: readonly string[]): Type {
  if (names.length > MOST_TYPES) throw new Error(`a list of ${names.length} types is longer than ${MOST_TYPES}`);
  let packed = 0;
  for (let i = names.length - 1; i >= 0; i--) packed = packed * 8 + TYPES[names[i] as WasmType];
  return packed;
}

/** The single types of a list. */
export function unpackTypes(packed: Type): Type[] {
  const types: Type[] = [];
  for (let rest = packed; rest > 0; rest = Math.floor(rest / 8)) types.push(rest % 8);
  return types;
}
