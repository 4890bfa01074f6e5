import type { MemoryRef, Node, RegisterRef, WasmType, Width } from './node.ts';

/** A value inside the meaning of an instruction. */
export type Value = Node;

/** One operand of the instruction at hand. */
export type Operand =
  | { readonly kind: 'register'; readonly register: RegisterRef; readonly width: Width }
  | { readonly kind: 'memory'; readonly memory: MemoryRef | 'record'; readonly width: Width }
  | { readonly kind: 'immediate'; readonly value: bigint | 'record'; readonly width: Width };

/** What is known of the instruction whose meaning is being written. */
export interface InstructionFacts {
  readonly operands: readonly Operand[];
  /** Operand size in bits. */
  readonly size: Width;
  readonly addressWidth: 16 | 32 | 64;
  /** Code size of the mode: 16, 32 or 64. */
  readonly mode: 16 | 32 | 64;
  /** Width of the stack pointer in use: 16, 32 or 64. */
  readonly stackWidth: 16 | 32 | 64;
  readonly lock: boolean;
  /** 0 none, 1 REP/REPE (F3), 2 REPNE (F2). */
  readonly repeat: 0 | 1 | 2;
  /** Segment of the memory operand, else the override or DS: 0-5. */
  readonly segment: number;
}

/** Type and width of the lanes of a vector shape. */
const LANES: Readonly<Record<string, readonly [WasmType, Width]>> = {
  i8x16: ['i32', 8], i16x8: ['i32', 16], i32x4: ['i32', 32], i64x2: ['i64', 64], f32x4: ['f32', 32], f64x2: ['f64', 64],
};

/** Type of the WebAssembly value that holds `width` bits. */
export const wasmTypeOf = (width: Width): WasmType => (width === 128 ? 'v128' : width === 64 ? 'i64' : 'i32');

/** Values of the abstract machine: the program that they are appended to, constants, arithmetic, comparison and vectors. */
export class MachineBase {
  readonly program: Node[] = [];
  protected current: Node[] = this.program;
  private counter = 0;

  readonly facts: InstructionFacts;

  constructor(facts: InstructionFacts) {
    this.facts = facts;
  }

  /** Operand size of the instruction in bits. */
  get size(): Width {
    return this.facts.size;
  }

  // --- nodes -----------------------------------------------------------------------------------
  protected node(op: string, type: WasmType, width: Width | 0, args: readonly Node[], pure: boolean, extra: Partial<Node> = {}): Node {
    for (const arg of args) arg.uses++;
    const node: Node = { op, type, width, args, pure, position: this.counter++, uses: 0, sink: -1, ...extra };
    this.current.push(node);
    return node;
  }

  protected pure(op: string, width: Width, args: readonly Node[], extra: Partial<Node> = {}): Node {
    return this.node(op, wasmTypeOf(width), width, args, true, extra);
  }

  /** A WebAssembly operation by its name, for what has no method here. The caller answers for types. */
  wasm(op: string, type: WasmType, width: Width | 0, ...args: Node[]): Value {
    return this.node(op, type, width, args, true);
  }

  // --- constants and widths --------------------------------------------------------------------
  /** A constant of the given width. */
  constant(width: Width, value: number | bigint): Value {
    const v = width === 64 ? BigInt.asIntN(64, BigInt(value)) : Number(BigInt.asIntN(32, BigInt.asUintN(width, BigInt(value))));
    return this.pure(width === 64 ? 'i64.const' : 'i32.const', width, [], { constant: v });
  }

  /** A 32-bit constant. */
  i32(value: number): Value {
    return this.constant(32, value);
  }

  /** A v128 constant of 16 bytes. */
  vector(bytes: readonly number[]): Value {
    return this.pure('v128.const', 128, [], { lanes: bytes });
  }

  /** Cuts a value back to its width after an operation that may have overflowed it. */
  private trim(node: Node, width: Width): Node {
    if (width >= 32) return node;
    return this.pure('i32.and', width, [node, this.constant(32, width === 8 ? 0xff : 0xffff)]);
  }

  /** Zero-extends to (or keeps) a wider width, or truncates to a narrower one. */
  zeroExtend(v: Value, to: Width): Value {
    const from = v.width as Width;
    if (from === to) return v;
    if (to === 64) return this.pure('i64.extend_u', 64, [v]);
    if (from === 64) return this.trim(this.pure('i32.wrap', to, [v]), to);
    if (to < from) return this.trim(this.relabel(v, to), to);
    return this.relabel(v, to);
  }

  /** Low bits of a value. */
  truncate(v: Value, to: Width): Value {
    return this.zeroExtend(v, to);
  }

  /** Sign-extends to a wider width. */
  signExtend(v: Value, to: Width): Value {
    const from = v.width as Width;
    if (from === to) return v;
    const wide = from === 32 ? v : this.pure(from === 8 ? 'i32.extend8_s' : 'i32.extend16_s', 32, [v]);
    if (to === 64) return this.pure('i64.extend_s', 64, [wide]);
    return this.trim(to === 32 ? wide : this.relabel(wide, to), to);
  }

  /** The same i32 under another width label; the caller knows the upper bits fit. */
  relabel(v: Value, width: Width): Value {
    return this.pure('copy', width, [v]);
  }

  // --- integer arithmetic ----------------------------------------------------------------------
  private binary(name: string, a: Value, b: Value, trims: boolean): Value {
    const width = a.width as Width;
    if (a.type !== b.type) throw new Error(`${name}: ${a.type} and ${b.type} in one operation`);
    const node = this.pure(`${width === 64 ? 'i64' : 'i32'}.${name}`, width, [a, b]);
    return trims ? this.trim(node, width) : node;
  }

  add(a: Value, b: Value): Value { return this.binary('add', a, b, true); }
  sub(a: Value, b: Value): Value { return this.binary('sub', a, b, true); }
  mul(a: Value, b: Value): Value { return this.binary('mul', a, b, true); }
  and(a: Value, b: Value): Value { return this.binary('and', a, b, false); }
  or(a: Value, b: Value): Value { return this.binary('or', a, b, false); }
  xor(a: Value, b: Value): Value { return this.binary('xor', a, b, false); }
  /** Bitwise complement. */
  not(a: Value): Value { return this.xor(a, this.constant(a.width as Width, -1)); }
  /** Two's complement. */
  neg(a: Value): Value { return this.sub(this.constant(a.width as Width, 0), a); }
  /** Shift left; the count (any i32 or i64 value of the operand's type) must be below the type's width (32 or 64). */
  shl(a: Value, n: Value): Value { return this.binary('shl', a, this.countFor(a, n), true); }
  /** Logical shift right; count below 32 or 64. */
  shr(a: Value, n: Value): Value { return this.binary('shr_u', a, this.countFor(a, n), false); }
  /** Arithmetic shift right of a value of any width; count below 32 or 64. */
  sar(a: Value, n: Value): Value {
    const width = a.width as Width;
    const wide = width < 32 ? this.signExtend(a, 32) : a;
    const node = this.pure(`${width === 64 ? 'i64' : 'i32'}.shr_s`, width < 32 ? 32 : width, [wide, this.countFor(wide, n)]);
    return width < 32 ? this.trim(this.relabel(node, width), width) : node;
  }
  /** Rotate left of a 32 or 64-bit value. */
  rotl(a: Value, n: Value): Value { return this.binary('rotl', a, this.countFor(a, n), false); }
  /** Rotate right of a 32 or 64-bit value. */
  rotr(a: Value, n: Value): Value { return this.binary('rotr', a, this.countFor(a, n), false); }
  private countFor(a: Value, n: Value): Value {
    return a.width === 64 ? this.zeroExtend(n, 64) : n.width === 64 ? this.zeroExtend(n, 32) : n;
  }
  clz(a: Value): Value { return this.pure(`${a.type}.clz`, a.width as Width, [a]); }
  ctz(a: Value): Value { return this.pure(`${a.type}.ctz`, a.width as Width, [a]); }
  popcnt(a: Value): Value { return this.pure(`${a.type}.popcnt`, a.width as Width, [a]); }
  /** Unsigned quotient; the caller has excluded a zero divisor. */
  divU(a: Value, b: Value): Value { return this.node(`${a.type}.div_u`, a.type, a.width, [a, b], false); }
  remU(a: Value, b: Value): Value { return this.node(`${a.type}.rem_u`, a.type, a.width, [a, b], false); }
  /** Signed quotient of full i32/i64 values; the caller has excluded zero and overflow. */
  divS(a: Value, b: Value): Value { return this.node(`${a.type}.div_s`, a.type, a.width, [a, b], false); }
  remS(a: Value, b: Value): Value { return this.node(`${a.type}.rem_s`, a.type, a.width, [a, b], false); }

  // --- comparison: booleans --------------------------------------------------------------------
  private compare(name: string, a: Value, b: Value): Value {
    if (a.type !== b.type) throw new Error(`${name}: ${a.type} and ${b.type} in one comparison`);
    return this.pure(`${a.type}.${name}`, 32, [a, b]);
  }
  eq(a: Value, b: Value): Value { return this.compare('eq', a, b); }
  ne(a: Value, b: Value): Value { return this.compare('ne', a, b); }
  ltU(a: Value, b: Value): Value { return this.compare('lt_u', a, b); }
  gtU(a: Value, b: Value): Value { return this.compare('gt_u', a, b); }
  geU(a: Value, b: Value): Value { return this.compare('ge_u', a, b); }
  leU(a: Value, b: Value): Value { return this.compare('le_u', a, b); }
  /** Signed comparison of full 32 or 64-bit values; sign-extend narrower ones first. */
  ltS(a: Value, b: Value): Value { return this.compare('lt_s', a, b); }
  gtS(a: Value, b: Value): Value { return this.compare('gt_s', a, b); }
  isZero(a: Value): Value { return this.pure(`${a.type}.eqz`, 32, [a]); }
  /** Top bit of the value, as a boolean. */
  signBit(a: Value): Value {
    const width = a.width as Width;
    if (width === 64) return this.ltS(a, this.constant(64, 0));
    if (width === 32) return this.pure('i32.shr_u', 32, [a, this.i32(31)]);
    return this.pure('i32.shr_u', 32, [a, this.i32(width - 1)]);
  }
  /** Bit `n` (constant) of the value, as a boolean. */
  bit(a: Value, n: number): Value {
    const shifted = n === 0 ? a : this.shr(a, this.constant(a.width as Width, n));
    const low = a.width === 64 ? this.truncate(shifted, 32) : this.relabel(shifted, 32);
    return this.pure('i32.and', 32, [low, this.i32(1)]);
  }
  /** `condition ? a : b`, both computed. */
  select(condition: Value, a: Value, b: Value): Value {
    return this.node('select', a.type, a.width, [condition, a, b], true);
  }

  // --- vectors ---------------------------------------------------------------------------------
  /** Bytes of `a` (lanes 0-15) and `b` (lanes 16-31), picked by 16 constant lane numbers. */
  shuffle(a: Value, b: Value, lanes: readonly number[]): Value {
    return this.pure('v128.shuffle', 128, [a, b], { lanes });
  }
  /** A lane of a vector. Lanes of 8 and 16 bits are zero-extended; `f32x4` and `f64x2` give a float. */
  extractLane(shape: string, v: Value, lane: number): Value {
    const [type, width] = LANES[shape] as readonly [WasmType, Width];
    return this.node(`${shape}.extract_lane${width < 32 ? '_u' : ''}`, type, width, [v], true, { lane });
  }
  /** The vector with one lane replaced. */
  replaceLane(shape: string, v: Value, lane: number, x: Value): Value {
    return this.pure(`${shape}.replace_lane`, 128, [v, x], { lane });
  }
}
