import {
  BINARY,
  EXCHANGE,
  EXTRACT,
  type Expressions,
  F32_CONST,
  F64_CONST,
  headOf,
  I32_CONST,
  I64_CONST,
  LANE_ACCESS,
  LOAD,
  REPLACE,
  SHUFFLE,
  STORE,
  TERNARY,
  UNARY,
  V128_CONST,
} from './expressions.ts';
import { type GroupName, OPERATIONS, PREFIX_FD, PREFIX_FE } from './opcodes.ts';
import type { Group, Shapes, WasmModule } from './wasm-module.ts';
import { type Expr, TYPES } from './wasm-types.ts';

/** What builders of operations need: where expressions go, and the numbers of memories. */
export interface Maker {
  readonly expressions: Expressions;
  memory(name: string): number;
}

/** The prototype of every group: builders find their module here. */
class GroupBase {
  protected readonly maker: Maker;

  constructor(maker: Maker) {
    this.maker = maker;
  }
}

type This = { readonly maker: Maker };
type Make = { readonly [S in keyof Shapes]: (opcode: number, type: number) => (this: This, ...args: Parameters<Shapes[S]>) => Expr };

const unary = (opcode: number, type: number) => {
  const head = headOf(UNARY, type, opcode);
  return function (this: This, a: Expr): Expr {
    return this.maker.expressions.add1(head, a);
  };
};

const binary = (opcode: number, type: number) => {
  const head = headOf(BINARY, type, opcode);
  return function (this: This, a: Expr, b: Expr): Expr {
    return this.maker.expressions.add2(head, a, b);
  };
};

const laneAccess = (opcode: number, type: number) => {
  const head = headOf(LANE_ACCESS, type, opcode);
  return function (this: This, ...[offset, , lane, pointer, vector, memory]: Parameters<Shapes['loadLane']>): Expr {
    return this.maker.expressions.add5(head, pointer, vector, offset, this.maker.memory(memory), lane);
  };
};

/** How the builder of an operation is made, by shape. Alignment is only a hint: accesses are written as unaligned. */
const MAKE: Make = {
  unary,
  binary,
  test: (opcode) => unary(opcode, TYPES.i32),
  compare: (opcode) => binary(opcode, TYPES.i32),
  ternary: (opcode, type) => {
    const head = headOf(TERNARY, type, opcode);
    return function (a, b, c) {
      return this.maker.expressions.add3(head, a, b, c);
    };
  },
  extract: (opcode, type) => {
    const head = headOf(EXTRACT, type, opcode);
    return function (vector, lane) {
      return this.maker.expressions.add2(head, vector, lane);
    };
  },
  replace: (opcode, type) => {
    const head = headOf(REPLACE, type, opcode);
    return function (vector, lane, value) {
      return this.maker.expressions.add3(head, vector, value, lane);
    };
  },
  load: (opcode, type) => {
    const head = headOf(LOAD, type, opcode);
    return function (offset, _align, pointer, memory) {
      return this.maker.expressions.add3(head, pointer, offset, this.maker.memory(memory));
    };
  },
  store: (opcode) => {
    const head = headOf(STORE, TYPES.none, opcode);
    return function (offset, _align, pointer, value, memory) {
      return this.maker.expressions.add4(head, pointer, value, offset, this.maker.memory(memory));
    };
  },
  loadLane: laneAccess,
  storeLane: (opcode) => laneAccess(opcode, TYPES.none),
};

/** Type that lanes of a vector are taken out as. */
const LANE_TYPES: Readonly<Record<string, number>> = { i64x2: TYPES.i64, f32x4: TYPES.f32, f64x2: TYPES.f64 };

const wide = new BigInt64Array(1);
const float = new Float32Array(1);
const double = new Float64Array(1);
const wideWords = new Int32Array(wide.buffer);
const floatWord = new Int32Array(float.buffer);
const doubleWords = new Int32Array(double.buffer);

/** The four words of 16 bytes. */
function wordsOf(bytes: readonly number[]): number[] {
  return [0, 4, 8, 12].map((i) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(i, i + 4);
    return (a & 255) | ((b & 255) << 8) | ((c & 255) << 16) | (d << 24);
  });
}

/** The builder of compare and exchange; `opcodes` by the logarithm of the bytes. */
const exchange = (type: number, opcodes: readonly number[]) =>
  function (this: This, bytes: number, pointer: Expr, expected: Expr, value: Expr, memory: string): Expr {
    const { maker } = this;
    const shift = 31 - Math.clz32(bytes);
    return maker.expressions.add5(headOf(EXCHANGE, type, PREFIX_FE + (opcodes[shift] as number)), pointer, expected, value, maker.memory(memory), shift);
  };

/** Builders that have no line in the table of opcodes. */
const SPECIAL: Readonly<Record<string, Readonly<Record<string, (this: This, ...args: never[]) => Expr>>>> = {
  i32: {
    const(value: number) {
      return this.maker.expressions.add1(headOf(I32_CONST, TYPES.i32, 0x41), value);
    },
    cmpxchg: exchange(TYPES.i32, [0x4a, 0x4b, 0x48]),
  },
  i64: {
    const(value: bigint | number) {
      const head = headOf(I64_CONST, TYPES.i64, 0x42);
      if (typeof value === 'number') {
        const low = value | 0;
        return this.maker.expressions.add2(head, low, (value - (low >>> 0)) / 2 ** 32);
      }
      wide[0] = value;
      return this.maker.expressions.add2(head, wideWords[0] as number, wideWords[1] as number);
    },
    cmpxchg: exchange(TYPES.i64, [0x4c, 0x4d, 0x4e, 0x49]),
  },
  f32: {
    const(value: number) {
      float[0] = value;
      return this.maker.expressions.add1(headOf(F32_CONST, TYPES.f32, 0x43), floatWord[0] as number);
    },
  },
  f64: {
    const(value: number) {
      double[0] = value;
      return this.maker.expressions.add2(headOf(F64_CONST, TYPES.f64, 0x44), doubleWords[0] as number, doubleWords[1] as number);
    },
  },
  v128: {
    const(bytes: readonly number[]) {
      const [a = 0, b = 0, c = 0, d = 0] = wordsOf(bytes);
      return this.maker.expressions.add4(headOf(V128_CONST, TYPES.v128, PREFIX_FD + 12), a, b, c, d);
    },
  },
  i8x16: {
    shuffle(a: Expr, b: Expr, lanes: readonly number[]) {
      const at = this.maker.expressions.add2(headOf(SHUFFLE, TYPES.v128, PREFIX_FD + 13), a, b);
      for (const word of wordsOf(lanes)) this.maker.expressions.more(word);
      return at;
    },
  },
};

/**
 * The class of a group. Its builders sit on the prototype, made once: engines keep prototypes in a form in which every
 * look-up is a constant, unlike an object with this many properties of its own.
 */
function groupClass<G extends GroupName>(name: G): new (maker: Maker) => Group<G> & WasmModule[G] {
  const made = class extends GroupBase {};
  const type = name in TYPES ? TYPES[name as 'i32'] : TYPES.v128;
  const shapes: Readonly<Record<string, Readonly<Record<string, number>>>> = OPERATIONS[name];
  for (const [shape, operations] of Object.entries(shapes)) {
    const result = shape === 'extract' ? (LANE_TYPES[name] ?? TYPES.i32) : type;
    for (const [operation, opcode] of Object.entries(operations)) {
      Object.defineProperty(made.prototype, operation, { value: MAKE[shape as keyof Shapes](opcode, result) });
    }
  }
  for (const [operation, builder] of Object.entries(SPECIAL[name] ?? {})) Object.defineProperty(made.prototype, operation, { value: builder });
  return made as unknown as new (
    maker: Maker,
  ) => Group<G> & WasmModule[G];
}

/** The classes of all groups. */
export const GROUPS = {
  i32: groupClass('i32'),
  i64: groupClass('i64'),
  f32: groupClass('f32'),
  f64: groupClass('f64'),
  v128: groupClass('v128'),
  i8x16: groupClass('i8x16'),
  i16x8: groupClass('i16x8'),
  i32x4: groupClass('i32x4'),
  i64x2: groupClass('i64x2'),
  f32x4: groupClass('f32x4'),
  f64x2: groupClass('f64x2'),
};
