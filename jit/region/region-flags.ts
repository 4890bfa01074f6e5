import { type Expr, TYPES } from '../emit/wasm-types.ts';
import { type Flag, FLAG_BIT, type Node, type WasmType, type Width } from '../ir/node.ts';
import { combine, conditionFlags, DYNAMIC, type FlagState, MEMORY, NONE } from './flag-state.ts';
import { type PendingFlags, PendingReader } from './pending-flags.ts';
import { RegionOperands } from './region-operands.ts';
import { KIND_CODE, OVERRIDE_SHIFT } from './shared-functions.ts';

/** Flags of a region: kept as the operation that made them, and computed only where they are read. */
export abstract class RegionFlags extends RegionOperands {
  protected flags: FlagState = DYNAMIC;
  /** Locals of flags that were made in this block. */
  protected flagLocals: number[] = [];
  protected outdated: number[] = [];
  /** True when something reads `fc`. */
  protected usesCarry = false;
  /** How deep in branches of the instruction's meaning emission stands. */
  protected nested = 0;

  protected readFlag(name: string): Expr {
    const flag = name as Flag;
    const { base, over } = this.flags;
    const local = over.get(flag);
    if (local !== undefined) return this.get(local, 'i32');
    if (flag === 'cf') return this.carryOf(this.flags);
    if (typeof base === 'object') return new PendingReader(this, base).flag(flag);
    return this.fromMemory(() => this.lazy.read(flag));
  }

  protected readCondition(code: number): Expr {
    const { base, over } = this.flags;
    if (over.size === 0 && typeof base === 'object') return new PendingReader(this, base).condition(code);
    if (code >> 1 === 1) {
      const cf = this.carryOf(this.flags);
      return code & 1 ? this.op('i32.eqz', cf) : cf;
    }
    if (typeof base === 'object' || conditionFlags(code).every((f) => over.has(f))) {
      const value = combine(this, code, (f) => this.readFlag(f));
      return code & 1 ? this.op('i32.eqz', value) : value;
    }
    return this.fromMemory(() => this.lazy.condition(code));
  }

  protected fromMemory(read: () => Expr): Expr {
    const before = this.toMemory();
    return before.length === 0 ? read() : this.module.block(null, [...before, read()], TYPES.i32);
  }

  protected setPending(node: Node): Expr[] {
    const kind = node.flag as PendingFlags['kind'];
    const width = ((node.bytes as number) * 8) as Width;
    const type = width === 64 ? 'i64' : 'i32';
    const out: Expr[] = [];
    const keep = (n: Node): number => {
      const local = this.flagLocal(type);
      out.push(this.set(local, this.value(n)));
      return local;
    };
    let base: PendingFlags;
    if (kind === 'logic') {
      const r = keep(node.args[0] as Node);
      base = { kind, width, a: r, b: r, r };
    } else if (kind === 'inc' || kind === 'dec') {
      const cf = this.flagLocal('i32');
      out.push(this.set(cf, this.carryOf(this.flags)));
      const a = keep(node.args[0] as Node);
      const r = keep(node.args[1] as Node);
      base = { kind, width, a, b: cf, r };
    } else {
      const a = keep(node.args[0] as Node);
      const b = keep(node.args[1] as Node);
      const r = keep(node.args[2] as Node);
      base = { kind, width, a, b, r };
    }
    this.replaceFlags({ base, over: NONE });
    return out;
  }

  protected setPendingResult(node: Node): Expr[] {
    const m = this.module;
    const [value, cf, of, af] = node.args as [Node, Node, Node, Node];
    const width = ((node.bytes as number) * 8) as Width;
    const r = this.flagLocal(value.type);
    const b = this.flagLocal('i32');
    const bits = m.i32.or(this.value(cf), m.i32.shl(this.value(of), this.i32(1)));
    const isZero = af.op === 'i32.const' && af.constant === 0;
    const out = [this.set(r, this.value(value)), this.set(b, isZero ? bits : m.i32.or(bits, m.i32.shl(this.value(af), this.i32(2))))];
    this.replaceFlags({ base: { kind: 'result', width, a: r, b, r }, over: NONE });
    return out;
  }

  /** Single flags: the rest stays what it was. */
  protected assignPending(node: Node): Expr[] {
    const flags = node.flags as Partial<Record<Flag, Node>>;
    const out: Expr[] = [];
    const over = new Map(this.flags.over);
    for (const flag of Object.keys(flags) as Flag[]) {
      const local = this.flagLocal('i32');
      out.push(this.set(local, this.value(flags[flag] as Node)));
      over.set(flag, local);
    }
    // in the instruction's own nested lists the old flags may still be needed: only a full set replaces them
    this.flags = { base: over.size === 6 ? 'memory' : this.flags.base, over };
    return out;
  }

  /** A local for flags, which outlive their instruction. */
  protected flagLocal(type: WasmType): number {
    const local = this.retain(type);
    this.flagLocals.push(local);
    return local;
  }

  /** New flags for old; the locals of old ones made in this block are free when their instruction is done. */
  protected replaceFlags(state: FlagState): void {
    this.flags = state;
    if (this.nested > 0) return;
    const now = new Set<number>(typeof state.base === 'object' ? [state.base.a, state.base.b, state.base.r] : []);
    this.outdated.push(...this.flagLocals.filter((l) => !now.has(l)));
    this.flagLocals = this.flagLocals.filter((l) => now.has(l));
  }

  /** Puts known flags into the dynamic locals, for code that can be reached from several places; `carry`: that code reads CF. */
  protected keepFlags(state: FlagState, carry = true): Expr[] {
    const { base, over } = state;
    const m = this.module;
    if (base === 'dynamic' && over.size === 0) return [];
    const out: Expr[] = [];
    if (carry && (base !== 'dynamic' || over.has('cf'))) out.push(this.set(this.fc, this.carryOf(state)));
    const singles = (): Expr => m.i32.shl(this.overrideWord(over), this.i32(OVERRIDE_SHIFT));
    if (base === 'dynamic') {
      const mask = this.maskOf(over);
      const rest = m.i32.and(this.get(this.fk, 'i32'), this.i32(~((mask | (mask << 8)) << OVERRIDE_SHIFT)));
      return [...out, this.set(this.fk, m.i32.or(rest, singles()))];
    }
    if (base !== 'memory') out.push(...this.keepOperands(base));
    const code = base === 'memory' ? 0 : this.flagCode(base);
    return [...out, this.set(this.fk, over.size === 0 ? this.i32(code) : m.i32.or(singles(), this.i32(code)))];
  }

  /** What `flushDynamic` needs of an operation. */
  private keepOperands(p: PendingFlags): Expr[] {
    const { kind, width } = p;
    const out: Expr[] = [];
    const small = kind === 'inc' || kind === 'dec' || kind === 'result';
    if (kind === 'add' || kind === 'sub' || kind === 'adc' || kind === 'sbb') out.push(this.set(this.fa, this.wide(p.a, width)));
    if (kind !== 'logic') out.push(this.set(this.fb, small ? this.module.i64.extend_u(this.get(p.b, 'i32')) : this.wide(p.b, width)));
    if (kind !== 'add' && kind !== 'sub') out.push(this.set(this.fr, this.wide(p.r, width)));
    return out;
  }

  private flagCode({ kind, width }: PendingFlags): number {
    return KIND_CODE[kind] | (width << 8);
  }

  protected carryOf(state: FlagState): Expr {
    const over = state.over.get('cf');
    if (over !== undefined) return this.get(over, 'i32');
    if (state.base === 'dynamic') {
      this.usesCarry = true;
      return this.get(this.fc, 'i32');
    }
    return state.base === 'memory' ? this.lazy.read('cf') : new PendingReader(this, state.base).flag('cf');
  }

  /** Makes the lazy words of machine state right. */
  protected flushFlags(state: FlagState): Expr[] {
    const { base, over } = state;
    const out: Expr[] = [];
    if (base === 'dynamic') out.push(...this.keepFlags(state, false), ...this.flushDynamic());
    else {
      if (base !== 'memory') out.push(this.flushOperation(base));
      if (over.size > 0) out.push(this.module.call('overrideFlags', [this.overrideWord(over)], TYPES.none));
    }
    return out;
  }

  /** Makes the lazy words from a known operation. */
  private flushOperation(p: PendingFlags): Expr {
    const m = this.module;
    const { kind, width } = p;
    const shift = this.i64(BigInt(64 - width));
    const value = (local: number): Expr => this.wide(local, width);
    const bits = (): Expr => m.i64.extend_u(this.get(p.b, 'i32'));
    const call = (name: string, ...args: Expr[]): Expr => m.call(name, [...args, shift], TYPES.none);
    switch (kind) {
      // computed again, so that a result that only flags need is not computed on every way
      case 'add':
        return call('flushAdd', value(p.a), value(p.b), m.i64.add(value(p.a), value(p.b)));
      case 'sub':
        return call('flushSub', value(p.a), value(p.b), m.i64.sub(value(p.a), value(p.b)));
      case 'adc':
        return call('flushAdd', value(p.a), value(p.b), value(p.r));
      case 'sbb':
        return call('flushSub', value(p.a), value(p.b), value(p.r));
      case 'logic':
        return call('flushLogic', value(p.r));
      case 'inc':
        return call('flushInc', bits(), value(p.r));
      case 'dec':
        return call('flushDec', bits(), value(p.r));
      default:
        return call('flushResult', bits(), value(p.r));
    }
  }

  /** Before something reads flags from memory. */
  protected toMemory(): Expr[] {
    const out = this.flushFlags(this.flags);
    this.flags = MEMORY;
    return out;
  }

  /** Brings the dynamic flags into the lazy words of machine state; they are dynamic no more. */
  protected flushDynamic(): Expr[] {
    const word = (): Expr => this.get(this.fk, 'i32');
    const flush = this.module.call('flushDynamic', [word(), this.get(this.fa, 'i64'), this.get(this.fb, 'i64'), this.get(this.fr, 'i64')], TYPES.none);
    return [this.when(word(), [flush])];
  }

  protected wide(local: number, width: Width): Expr {
    return width === 64 ? this.get(local, 'i64') : this.module.i64.extend_u(this.get(local, 'i32'));
  }

  /** Single flags as a word for `overrideFlags`. */
  protected overrideWord(over: ReadonlyMap<Flag, number>): Expr {
    const m = this.module;
    let mask = 0;
    let word: Expr | null = null;
    for (const [flag, local] of over) {
      mask |= FLAG_BIT[flag];
      const bit = m.i32.shl(this.get(local, 'i32'), this.i32(8 + Math.log2(FLAG_BIT[flag])));
      word = word === null ? bit : m.i32.or(word, bit);
    }
    return word === null ? this.i32(0) : m.i32.or(word, this.i32(mask));
  }

  protected maskOf(over: ReadonlyMap<Flag, number>): number {
    return [...over.keys()].reduce((mask, flag) => mask | FLAG_BIT[flag], 0);
  }
}
