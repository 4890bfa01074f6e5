import type { ByteSink } from './byte-sink.ts';
import * as X from './expressions.ts';
import { type Expr, TYPES, UNREACHABLE } from './wasm-types.ts';

/** Bytes that one expression takes at most, without its children and lists. */
const MOST_BYTES = 32;
/** Bytes of a function's number in a call, and of a body's size: written when they are known. */
export const FUNCTION_BYTES = 3;

/** WebAssembly's code of a type, or of no result. */
export const typeCode = (type: number): number => (type === TYPES.none ? 0x40 : 0x81 - type);

const END = 0x0b;
const ELSE = 0x05;
const TRAP = 0x00;
const EMPTY = 0x40;

/**
 * Hot path: writes expressions as WebAssembly. Every `write` gives the type of what it wrote, UNREACHABLE when control
 * does not come out of it: what would follow there is left out, and blocks that nothing leaves end in a trap, so that
 * code is valid whatever its surroundings expect.
 */
export class FunctionWriter {
  private readonly sink: ByteSink;
  private readonly expressions: X.Expressions;
  /** Depth of the innermost block of each label; 0 when there is none. */
  private readonly depths: number[] = [];
  /** By depth: true when something branches to that block. */
  private readonly reached: boolean[] = [];
  private depth = 0;
  /** Calls written so far: place of the function's number in the sink, and its identity. */
  readonly calls: number[] = [];
  /** Hints written since they were taken: place of the branch in the sink, and 0 for unlikely or 1. */
  readonly hints: number[] = [];
  private words: Int32Array;

  constructor(sink: ByteSink, expressions: X.Expressions) {
    this.sink = sink;
    this.expressions = expressions;
    this.words = expressions.words;
  }

  /** Writes the body of a function and gives its type. After an error, `reset` before the next one. */
  body(e: Expr): number {
    this.words = this.expressions.words;
    const type = this.write(e);
    this.sink.byte(END);
    return type;
  }

  /** Forgets the blocks around the place where writing stopped, and calls from a number on. */
  reset(calls: number): void {
    this.depth = 0;
    this.depths.fill(0);
    this.calls.length = calls;
    this.hints.length = 0;
  }

  private opcode(head: number): void {
    const opcode = head >>> 8;
    const { sink } = this;
    if (opcode < 0x100) {
      sink.put(opcode);
      return;
    }
    sink.put(0xfb + (opcode >>> 8));
    sink.putU32(opcode & 0xff);
  }

  private write(e: Expr): number {
    const { words, sink } = this;
    const head = words[e] as number;
    const type = (head >> 5) & 7;
    sink.reserve(MOST_BYTES);
    switch (head & 31) {
      case X.INDEXED:
        sink.put(head >>> 8);
        sink.putU32(words[e + 1] as number);
        return type;
      case X.ASSIGN:
        if (this.write(words[e + 1] as number) === UNREACHABLE) return UNREACHABLE;
        sink.reserve(MOST_BYTES);
        sink.put(head >>> 8);
        sink.putU32(words[e + 2] as number);
        return type;
      case X.I32_CONST:
        sink.put(0x41);
        sink.putS32(words[e + 1] as number);
        return type;
      case X.BINARY:
        if (this.write(words[e + 1] as number) === UNREACHABLE) return UNREACHABLE;
        if (this.write(words[e + 2] as number) === UNREACHABLE) return UNREACHABLE;
        sink.reserve(MOST_BYTES);
        this.opcode(head);
        return type;
      case X.UNARY:
        if (this.write(words[e + 1] as number) === UNREACHABLE) return UNREACHABLE;
        sink.reserve(MOST_BYTES);
        this.opcode(head);
        return type;
      case X.LOAD:
        if (this.write(words[e + 1] as number) === UNREACHABLE) return UNREACHABLE;
        return this.access(head, e + 2, type);
      case X.STORE:
        if (this.write(words[e + 1] as number) === UNREACHABLE) return UNREACHABLE;
        if (this.write(words[e + 2] as number) === UNREACHABLE) return UNREACHABLE;
        return this.access(head, e + 3, type);
      case X.SEQUENCE:
        return this.list(e + 1);
      case X.I64_CONST:
        sink.put(0x42);
        sink.putS64(words[e + 1] as number, words[e + 2] as number);
        return type;
      default:
        return this.writeControl(e, head, type);
    }
  }

  private writeControl(e: Expr, head: number, type: number): number {
    switch (head & 31) {
      case X.BLOCK:
        return this.block(e, type);
      case X.IF:
        return this.conditional(e);
      case X.BRANCH:
        return this.branch(e);
      case X.CALL:
        if (this.list(e + 2) === UNREACHABLE) return UNREACHABLE;
        this.sink.reserve(MOST_BYTES);
        this.sink.put(head >>> 8);
        this.calls.push(this.sink.length, this.words[e + 1] as number);
        this.sink.length += FUNCTION_BYTES;
        return type;
      case X.CALL_INDIRECT:
        return this.callIndirect(e, head, type);
      case X.LOOP:
        return this.loop(e);
      case X.SWITCH:
        return this.table(e);
      case X.PLAIN:
        this.sink.put(head >>> 8);
        return type;
      case X.RETURN: {
        const value = this.words[e + 1] as number;
        if (value !== 0 && this.write(value) === UNREACHABLE) return UNREACHABLE;
        this.sink.byte(0x0f);
        return UNREACHABLE;
      }
      default:
        return this.writeVector(e, head, type);
    }
  }

  private writeVector(e: Expr, head: number, type: number): number {
    switch (head & 31) {
      case X.TERNARY:
        return this.ternary(e, head);
      case X.EXTRACT:
        return this.withLane(e, 1, head, type);
      case X.REPLACE:
        return this.withLane(e, 2, head, type);
      case X.LANE_ACCESS:
        return this.laneAccess(e, head, type);
      case X.FENCE:
        this.opcode(head);
        this.sink.put(0); // sequentially consistent
        return type;
      case X.EXCHANGE:
        return this.exchange(e, head, type);
      case X.SHUFFLE:
        if (this.operands(e, 2) === UNREACHABLE) return UNREACHABLE;
        return this.literal(e + 2, head, 4, type);
      case X.V128_CONST:
        return this.literal(e, head, 4, type);
      case X.F64_CONST:
        return this.literal(e, head, 2, type);
      default:
        return this.literal(e, head, 1, type);
    }
  }

  /** The first operands of an expression; UNREACHABLE, or the type of the first one. */
  private operands(e: Expr, count: number): number {
    const { words } = this;
    const first = this.write(words[e + 1] as number);
    if (first === UNREACHABLE) return UNREACHABLE;
    for (let i = 2; i <= count; i++) if (this.write(words[e + i] as number) === UNREACHABLE) return UNREACHABLE;
    this.sink.reserve(MOST_BYTES);
    return first;
  }

  private ternary(e: Expr, head: number): number {
    const type = this.operands(e, 3);
    if (type !== UNREACHABLE) this.opcode(head);
    return type;
  }

  private withLane(e: Expr, operands: number, head: number, type: number): number {
    if (this.operands(e, operands) === UNREACHABLE) return UNREACHABLE;
    this.opcode(head);
    this.sink.put(this.words[e + operands + 1] as number);
    return type;
  }

  private laneAccess(e: Expr, head: number, type: number): number {
    if (this.operands(e, 2) === UNREACHABLE) return UNREACHABLE;
    this.access(head, e + 3, type);
    this.sink.put(this.words[e + 5] as number);
    return type;
  }

  private exchange(e: Expr, head: number, type: number): number {
    if (this.operands(e, 3) === UNREACHABLE) return UNREACHABLE;
    this.opcode(head);
    this.sink.put(0x40 | (this.words[e + 5] as number)); // atomic accesses are aligned
    this.sink.putU32(this.words[e + 4] as number);
    this.sink.putU32(0);
    return type;
  }

  /** An operation followed by the words behind the place. */
  private literal(at: number, head: number, count: number, type: number): number {
    this.opcode(head);
    for (let i = 1; i <= count; i++) this.sink.putWord(this.words[at + i] as number);
    return type;
  }

  /** A load or store: offset and memory are at the place; its operands were written. */
  private access(head: number, at: number, type: number): number {
    const { words, sink } = this;
    sink.reserve(MOST_BYTES);
    this.opcode(head);
    const memory = words[at + 1] as number;
    if (memory === 0) sink.put(0);
    else {
      sink.put(0x40); // a memory's number follows
      sink.putU32(memory);
    }
    sink.putU32(words[at] as number);
    return type;
  }

  /** Expressions of a list, up to one that control does not come out of; the type of the last. */
  private list(at: number): number {
    const { words } = this;
    const end = at + (words[at] as number);
    let type: number = TYPES.none;
    for (let i = at + 1; i <= end; i++) {
      type = this.write(words[i] as number);
      if (type === UNREACHABLE) return UNREACHABLE;
    }
    return type;
  }

  /** After the end of a block that nothing leaves. */
  private trap(): number {
    this.sink.byte(TRAP);
    return UNREACHABLE;
  }

  private block(e: Expr, type: number): number {
    const label = this.words[e + 1] as number;
    this.sink.put(0x02);
    this.sink.put(typeCode(type));
    const outer = this.depths[label] ?? 0;
    this.depths[label] = ++this.depth;
    this.reached[this.depth] = false;
    const last = this.list(e + 2);
    const left = last !== UNREACHABLE || this.reached[this.depth] === true;
    this.depths[label] = outer;
    this.depth--;
    this.sink.byte(END);
    return left ? type : this.trap();
  }

  private loop(e: Expr): number {
    const label = this.words[e + 1] as number;
    this.sink.put(0x03);
    const at = this.sink.length;
    this.sink.put(EMPTY);
    const outer = this.depths[label] ?? 0;
    this.depths[label] = ++this.depth;
    const type = this.write(this.words[e + 2] as number);
    this.depths[label] = outer;
    this.depth--;
    this.sink.byte(END);
    if (type === UNREACHABLE) return this.trap();
    this.sink.bytes[at] = typeCode(type);
    return type;
  }

  private conditional(e: Expr): number {
    const { words, sink } = this;
    if (this.write(words[e + 1] as number) === UNREACHABLE) return UNREACHABLE;
    const otherwise = words[e + 3] as number;
    const hint = (words[e] as number) >>> 8;
    if (hint !== 0) this.hints.push(sink.length, hint - 1);
    sink.reserve(MOST_BYTES);
    sink.put(0x04);
    const at = sink.length;
    sink.put(EMPTY);
    this.depth++;
    let type = this.write(words[e + 2] as number);
    if (otherwise === 0) type = TYPES.none;
    else {
      sink.byte(ELSE);
      const second = this.write(otherwise);
      if (type === UNREACHABLE) type = second;
    }
    this.depth--;
    sink.byte(END);
    if (type === UNREACHABLE) return this.trap();
    sink.bytes[at] = typeCode(type);
    return type;
  }

  /** Levels from here to the block of a label. */
  private levels(label: number): number {
    const depth = this.depths[label] ?? 0;
    if (depth === 0) throw new Error('a branch goes to a label that no block around it has');
    this.reached[depth] = true;
    return this.depth - depth;
  }

  private branch(e: Expr): number {
    const { words, sink } = this;
    const condition = words[e + 2] as number;
    const value = words[e + 3] as number;
    const type = value === 0 ? TYPES.none : this.write(value);
    if (type === UNREACHABLE) return UNREACHABLE;
    if (condition !== 0 && this.write(condition) === UNREACHABLE) return UNREACHABLE;
    sink.reserve(MOST_BYTES);
    sink.put(condition === 0 ? 0x0c : 0x0d);
    sink.putU32(this.levels(words[e + 1] as number));
    return condition === 0 ? UNREACHABLE : type;
  }

  private table(e: Expr): number {
    const { words, sink } = this;
    const value = words[e + 3] as number;
    if (value !== 0 && this.write(value) === UNREACHABLE) return UNREACHABLE;
    if (this.write(words[e + 2] as number) === UNREACHABLE) return UNREACHABLE;
    const count = words[e + 4] as number;
    sink.byte(0x0e);
    sink.u32(count);
    for (let i = 1; i <= count; i++) sink.u32(this.levels(words[e + 4 + i] as number));
    sink.u32(this.levels(words[e + 1] as number));
    return UNREACHABLE;
  }

  private callIndirect(e: Expr, head: number, type: number): number {
    const { words, sink } = this;
    if (this.list(e + 4) === UNREACHABLE) return UNREACHABLE;
    if (this.write(words[e + 3] as number) === UNREACHABLE) return UNREACHABLE;
    sink.reserve(MOST_BYTES);
    sink.put(head >>> 8);
    sink.putU32(words[e + 1] as number);
    sink.putU32(words[e + 2] as number);
    return type;
  }
}
