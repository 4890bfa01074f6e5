import type { Expr } from './wasm-types.ts';

/*
 * Kinds of expressions, and the words that follow the head of each. Children are other expressions, 0 for none.
 */
/** index; operation local.get or global.get */
export const INDEXED = 0;
/** value, index; operation local.set, local.tee or global.set */
export const ASSIGN = 1;
/** value */
export const I32_CONST = 2;
/** low and high word */
export const I64_CONST = 3;
/** a, b */
export const BINARY = 4;
/** a */
export const UNARY = 5;
/** pointer, offset, memory */
export const LOAD = 6;
/** pointer, value, offset, memory */
export const STORE = 7;
/** count, children: statements without a label */
export const SEQUENCE = 8;
/** label, count, children */
export const BLOCK = 9;
/** condition, then, otherwise */
export const IF = 10;
/** label, condition, value */
export const BRANCH = 11;
/** function, count, arguments */
export const CALL = 12;
/** signature, table, target, count, arguments */
export const CALL_INDIRECT = 13;
/** label, body */
export const LOOP = 14;
/** no words */
export const PLAIN = 15;
/** value */
export const RETURN = 16;
/** a, b, c; the value is of the type of a */
export const TERNARY = 17;
/** default label, index, value, count, labels */
export const SWITCH = 18;
/** vector, lane */
export const EXTRACT = 19;
/** vector, value, lane */
export const REPLACE = 20;
/** a, b, 4 words of lane numbers */
export const SHUFFLE = 21;
/** 4 words */
export const V128_CONST = 22;
/** bits */
export const F32_CONST = 23;
/** low and high word of the bits */
export const F64_CONST = 24;
/** pointer, vector, offset, memory, lane */
export const LANE_ACCESS = 25;
/** pointer, expected, value, memory, logarithm of the bytes */
export const EXCHANGE = 26;
/** no words */
export const FENCE = 27;

/** The head of an expression: its kind, the type of its value, its opcode. */
export const headOf = (kind: number, type: number, opcode: number): number => kind | (type << 5) | (opcode << 8);

/** Words that the longest expression without a list takes. */
const MOST_WORDS = 8;

/**
 * Hot path: expressions as words in one array. An expression is the place of its head; the words that its kind says
 * follow. Place 0 is no expression.
 */
export class Expressions {
  words = new Int32Array(1 << 16);
  private at = 1;

  /** Forgets all expressions. */
  clear(): void {
    this.at = 1;
  }

  private reserve(count: number): void {
    if (this.at + count <= this.words.length) return;
    const larger = new Int32Array(Math.max(this.words.length * 2, this.at + count));
    larger.set(this.words);
    this.words = larger;
  }

  add0(head: number): Expr {
    this.reserve(MOST_WORDS);
    this.words[this.at] = head;
    return this.at++;
  }

  add1(head: number, a: number): Expr {
    const { at } = this;
    this.reserve(MOST_WORDS);
    this.words[at] = head;
    this.words[at + 1] = a;
    this.at = at + 2;
    return at;
  }

  add2(head: number, a: number, b: number): Expr {
    const { at } = this;
    this.reserve(MOST_WORDS);
    this.words[at] = head;
    this.words[at + 1] = a;
    this.words[at + 2] = b;
    this.at = at + 3;
    return at;
  }

  add3(head: number, a: number, b: number, c: number): Expr {
    const at = this.add2(head, a, b);
    this.words[this.at++] = c;
    return at;
  }

  add4(head: number, a: number, b: number, c: number, d: number): Expr {
    const at = this.add3(head, a, b, c);
    this.words[this.at++] = d;
    return at;
  }

  add5(head: number, a: number, b: number, c: number, d: number, e: number): Expr {
    const at = this.add4(head, a, b, c, d);
    this.words[this.at++] = e;
    return at;
  }

  /** Appends a word to the expression made last. */
  more(word: number): void {
    this.reserve(MOST_WORDS);
    this.words[this.at++] = word;
  }

  /** Appends a list and its length to the expression made last. */
  list(items: readonly number[]): void {
    const { length } = items;
    this.reserve(length + 1);
    let { at } = this;
    this.words[at++] = length;
    for (let i = 0; i < length; i++) this.words[at++] = items[i] as number;
    this.at = at;
  }
}
