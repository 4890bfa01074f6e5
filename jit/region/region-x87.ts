import type { Expr } from '../emit/wasm-types.ts';
import type { Node } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { RegionX87Stack } from './region-x87-stack.ts';
import { actionOf, type X87Action, type X87Operation, type X87Source } from './x87-routines.ts';

/** A memory operand as a number of the stack. */
interface Operand {
  readonly before: Expr[];
  /** The condition under which arithmetic may take it as it is. */
  readonly plain: Expr;
  /** It may be loaded in any case. */
  readonly whole: boolean;
  sig(): Expr;
  se(): Expr;
}

const J_BIT = -(1n << 63n);

/** Fields of a floating-point number in memory, as what is added to make one of the stack's. */
const FORMATS = {
  m32: { shift: 40, exponentAt: 23, exponents: 0xff, bias: 0x3f80, signShift: 16 },
  m64: { shift: 11, exponentAt: 52, exponents: 0x7ff, bias: 0x3c00, signShift: 48 },
} as const;

/** What x87 instructions do on the stack in locals. */
export abstract class RegionX87 extends RegionX87Stack {
  /** The code of a routine's call on the stack in locals; null when the stack is in machine state. */
  protected actX87(node: Node): Expr[] | null {
    const action = this.open ? actionOf(node.name as string) : undefined;
    if (action === undefined) return null;
    const out: Expr[] = [];
    const args = node.args.map((arg) => {
      if (arg.op.endsWith('.const')) return { node: arg, local: -1 };
      const local = this.local(arg.type);
      out.push(this.set(local, this.value(arg)));
      return { node: arg, local };
    });
    const passed = (): Expr[] => args.map(({ node: arg, local }) => (local < 0 ? this.value(arg) : this.get(local, arg.type)));
    const numbers = args.map(({ node: arg }) => Number(arg.constant ?? 0));
    const bits = args[0]?.local ?? -1;
    const routine = (): Expr => this.call(node.name as string, passed(), 'none');
    this.called.add(node.name as string);
    return [...out, ...this.act(action, numbers, bits, routine)];
  }

  private act(action: X87Action, numbers: readonly number[], bits: number, routine: () => Expr): Expr[] {
    const m = this.module;
    const [first = 0, second = 0] = numbers;
    switch (action.kind) {
      case 'registers': {
        const from = this.position(action.pop ? 0 : second);
        const other = this.cell(from);
        const source = { sig: (): Expr => this.get(other.sig, 'i64'), se: (): Expr => this.get(other.se, 'i32') };
        const to = this.position(first);
        return [...this.need(from), ...this.arithmetic(action.operation, to, source, this.tagged((1 << to) | (1 << from)), action.pop, routine)];
      }
      case 'memory': {
        const { before, plain, ...source } = this.operandOf(action.source, bits);
        const to = this.position(0);
        return [...before, ...this.arithmetic(action.operation, to, source, m.i32.and(plain, this.tagged(1 << to)), false, routine)];
      }
      case 'load': {
        const { before, plain, sig, se, whole } = this.operandOf(action.source, bits);
        return [...before, ...this.pushed(whole ? null : plain, sig(), se(), routine)];
      }
      case 'constant':
        return this.pushed(null, this.i64(action.sig), this.i32(action.se), routine);
      case 'duplicate': {
        const from = this.position(first);
        const { sig, se } = this.cell(from);
        return [...this.need(from), ...this.pushed(this.tagged(1 << from), this.get(sig, 'i64'), this.get(se, 'i32'), routine)];
      }
      case 'root': {
        const at = this.position(0);
        const { sig, se } = this.cell(at);
        const root = (): Expr => this.call('x87_root', [this.get(sig, 'i64'), this.get(se, 'i32')], 'i64');
        this.called.add('x87_root');
        return [...this.need(at), ...this.computed(root, this.tagged(1 << at), at, false, routine)];
      }
      case 'sign': {
        const at = this.position(0);
        const before = this.need(at);
        return [
          ...before,
          ...this.guarded(this.tagged(1 << at), routine, () => {
            const { se } = this.write(at);
            return [this.set(se, m.i32.xor(m.i32.and(this.get(se, 'i32'), this.i32(action.and)), this.i32(action.xor))), this.setStatus(null)];
          }),
        ];
      }
      case 'copy':
        return this.copy(first, action.pop, routine);
      case 'exchange':
        return this.exchange(first, routine);
    }
  }

  private arithmetic(
    { routine: name, reversed, negated }: X87Operation,
    to: number,
    source: { sig(): Expr; se(): Expr },
    condition: Expr,
    pop: boolean,
    routine: () => Expr,
  ): Expr[] {
    const m = this.module;
    const before = this.need(to);
    const cell = this.cell(to);
    const own = { sig: (): Expr => this.get(cell.sig, 'i64'), se: (): Expr => this.get(cell.se, 'i32') };
    const [a, b] = reversed ? [source, own] : [own, source];
    const second = (): Expr => (negated ? m.i32.xor(b.se(), this.i32(0x8000)) : b.se());
    this.called.add(name);
    return [...before, ...this.computed(() => this.call(name, [a.sig(), a.se(), b.sig(), second()], 'i64'), condition, to, pop, routine)];
  }

  /** Takes over what a fast path of the microcode returns, if the condition holds and it does. */
  private computed(compute: () => Expr, condition: Expr, to: number, pop: boolean, routine: () => Expr): Expr[] {
    const m = this.module;
    const result = this.local('i64');
    return [
      this.set(result, m.if(condition, compute(), this.i64(0n))),
      ...this.guarded(m.i64.ne(this.get(result, 'i64'), this.i64(0n)), routine, () => {
        const word = this.local('i32');
        const { sig, se } = this.write(to);
        const out = [
          this.set(word, this.state32(L.FPU_RESULT)),
          this.set(sig, this.get(result, 'i64')),
          this.set(se, m.i32.and(this.get(word, 'i32'), this.i32(0xffff))),
          this.setStatus(m.i32.shr_u(this.get(word, 'i32'), this.i32(16))),
        ];
        if (pop) out.push(this.pop());
        return out;
      }),
    ];
  }

  /** Pushes a value that raises nothing, if its place is empty and the condition holds. */
  private pushed(condition: Expr | null, sig: Expr, se: Expr, routine: () => Expr): Expr[] {
    const m = this.module;
    const to = this.position(-1);
    const empty = this.tagged(0, 1 << to);
    return this.guarded(condition === null ? empty : m.i32.and(condition, empty), routine, () => {
      this.move(-1);
      const cell = this.write(to);
      return [this.set(cell.sig, sig), this.set(cell.se, se), this.setTags(0xff, 1 << to), this.setStatus(null)];
    });
  }

  private copy(i: number, pop: boolean, routine: () => Expr): Expr[] {
    const [from, to] = [this.position(0), this.position(i)];
    const before = this.need(from);
    const source = this.cell(from);
    return [
      ...before,
      ...this.guarded(this.tagged(1 << from), routine, () => {
        const target = this.write(to);
        const out = [
          this.set(target.sig, this.get(source.sig, 'i64')),
          this.set(target.se, this.get(source.se, 'i32')),
          this.setTags(0xff, 1 << to),
          this.setStatus(null),
        ];
        if (pop) out.push(this.pop());
        return out;
      }),
    ];
  }

  /** Registers change places by name: nothing is moved. */
  private exchange(i: number, routine: () => Expr): Expr[] {
    const [a, b] = [this.position(0), this.position(i)];
    const before = a === b ? [] : [...this.need(a), ...this.need(b)];
    return [
      ...before,
      ...this.guarded(this.tagged((1 << a) | (1 << b)), routine, () => {
        if (a !== b) {
          const [x, y] = [this.write(a), this.write(b)];
          this.cells[a] = y;
          this.cells[b] = x;
        }
        return [this.setStatus(null)];
      }),
    ];
  }

  private operandOf(source: X87Source, bits: number): Operand {
    return source === 'm32' || source === 'm64' ? this.widenFloat(source, bits) : this.widenInteger(source, bits);
  }

  private widenFloat(source: 'm32' | 'm64', bits: number): Operand {
    const m = this.module;
    const { shift, exponentAt, exponents, bias, signShift } = FORMATS[source];
    const field = (at: number, mask: number): Expr => m.i32.and(m.i32.wrap(m.i64.shr_u(this.get(bits, 'i64'), this.i64(BigInt(at)))), this.i32(mask));
    const exponent = this.local('i32');
    return {
      before: [this.set(exponent, field(exponentAt, exponents))],
      plain: m.i32.lt_u(m.i32.sub(this.get(exponent, 'i32'), this.i32(1)), this.i32(exponents - 1)),
      sig: () => m.i64.or(m.i64.shl(this.get(bits, 'i64'), this.i64(BigInt(shift))), this.i64(J_BIT)),
      se: () => m.i32.or(field(signShift, 0x8000), m.i32.add(this.get(exponent, 'i32'), this.i32(bias))),
      whole: false,
    };
  }

  private widenInteger(source: 'i16' | 'i32' | 'i64', bits: number): Operand {
    const m = this.module;
    const [sig, se, size] = [this.local('i64'), this.local('i32'), source === 'i16' ? 16 : source === 'i32' ? 32 : 64];
    const value = this.local('i64');
    const get = (local: number): Expr => this.get(local, 'i64');
    const extended = size === 64 ? get(bits) : m.i64.shr_s(m.i64.shl(get(bits), this.i64(BigInt(64 - size))), this.i64(BigInt(64 - size)));
    const sign = (): Expr => m.i64.shr_s(get(value), this.i64(63n));
    const exponent = m.i32.sub(this.i32(0x403e), m.i32.wrap(m.i64.clz(get(sig))));
    return {
      before: [
        this.set(value, extended),
        this.set(sig, m.i64.sub(m.i64.xor(get(value), sign()), sign())),
        this.set(se, m.i32.or(m.i32.and(m.i32.wrap(sign()), this.i32(0x8000)), exponent)),
        this.set(sig, m.i64.shl(get(sig), m.i64.clz(get(sig)))),
        // zero has no exponent
        this.set(se, m.select(m.i64.eqz(get(sig)), this.i32(0), this.get(se, 'i32'))),
      ],
      plain: m.i64.ne(get(sig), this.i64(0n)),
      sig: () => get(sig),
      se: () => this.get(se, 'i32'),
      whole: true,
    };
  }
}
