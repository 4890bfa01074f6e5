import type { Emitter } from '../emit/emitter.ts';
import type { Expr } from '../emit/wasm-types.ts';
import type { Flag, FlagKind, Width } from '../ir/node.ts';

/** The operation that last set all flags, with its values in locals: flags are derived only when something reads them. */
export interface PendingFlags {
  /** `result`: SF, ZF, PF of `r`; CF, OF and AF as bits 0, 1 and 2 of `b`. `inc` and `dec`: CF in `b`. */
  readonly kind: FlagKind | 'result';
  readonly width: Width;
  readonly a: number;
  readonly b: number;
  readonly r: number;
}

/** Derives flags and conditions from pending flags. */
export class PendingReader {
  private readonly e: Emitter;
  private readonly p: PendingFlags;

  constructor(e: Emitter, p: PendingFlags) {
    this.e = e;
    this.p = p;
  }

  private get type(): 'i32' | 'i64' {
    return this.p.width === 64 ? 'i64' : 'i32';
  }
  private value(local: number): Expr {
    return this.e.get(local, this.type);
  }
  private op(name: string, ...args: Expr[]): Expr {
    return this.e.op(`${this.type}.${name}`, ...args);
  }
  private constant(v: number): Expr {
    return this.p.width === 64 ? this.e.i64(BigInt(v)) : this.e.i32(v);
  }
  /** The value sign-extended to its wasm type, for signed comparison. */
  private signed(local: number): Expr {
    const v = this.value(local);
    if (this.p.width === 8) return this.e.op('i32.extend8_s', v);
    return this.p.width === 16 ? this.e.op('i32.extend16_s', v) : v;
  }
  /** Top bit of a value of the operation's width, as i32. */
  private top(v: Expr): Expr {
    if (this.p.width === 64) return this.e.op('i64.lt_s', v, this.e.i64(0n));
    if (this.p.width === 32) return this.e.op('i32.lt_s', v, this.e.i32(0));
    const bit = this.e.op('i32.shr_u', v, this.e.i32(this.p.width - 1));
    return this.e.op('i32.and', bit, this.e.i32(1));
  }
  private bitOfB(n: number): Expr {
    const v = this.e.get(this.p.b, 'i32');
    return this.e.op('i32.and', n === 0 ? v : this.e.op('i32.shr_u', v, this.e.i32(n)), this.e.i32(1));
  }
  private not(v: Expr): Expr {
    return this.op('xor', v, this.constant(-1));
  }

  /** One flag as an i32 boolean. */
  flag(flag: Flag): Expr {
    const { p, e } = this;
    switch (flag) {
      case 'zf':
        return this.op('eqz', this.value(p.r));
      case 'sf':
        return this.top(this.value(p.r));
      case 'pf': {
        const low = e.op('i32.and', p.width === 64 ? e.op('i32.wrap', this.value(p.r)) : this.value(p.r), e.i32(255));
        return e.op('i32.and', e.op('i32.xor', e.op('i32.popcnt', low), e.i32(1)), e.i32(1));
      }
      case 'cf':
        return this.carry();
      case 'of':
        return this.overflow();
      default:
        return this.adjust();
    }
  }

  private carry(): Expr {
    const { p } = this;
    const [a, b, r] = [(): Expr => this.value(p.a), (): Expr => this.value(p.b), (): Expr => this.value(p.r)];
    switch (p.kind) {
      case 'add':
        return this.op('lt_u', r(), a());
      case 'sub':
        return this.op('lt_u', a(), b());
      case 'adc':
        return this.top(this.op('or', this.op('and', a(), b()), this.op('and', this.op('or', a(), b()), this.not(r()))));
      case 'sbb':
        return this.top(this.op('or', this.op('and', this.not(a()), b()), this.op('and', this.op('or', this.not(a()), b()), r())));
      case 'logic':
        return this.e.i32(0);
      default:
        return this.bitOfB(0);
    }
  }

  private overflow(): Expr {
    const { p } = this;
    const [a, b, r] = [(): Expr => this.value(p.a), (): Expr => this.value(p.b), (): Expr => this.value(p.r)];
    const minimum = p.width === 64 ? this.e.i64(-(1n << 63n)) : this.e.i32(p.width === 32 ? -(2 ** 31) : 2 ** (p.width - 1));
    switch (p.kind) {
      case 'add':
      case 'adc':
        return this.top(this.op('and', this.op('xor', a(), r()), this.op('xor', b(), r())));
      case 'sub':
      case 'sbb':
        return this.top(this.op('and', this.op('xor', a(), b()), this.op('xor', a(), r())));
      case 'logic':
        return this.e.i32(0);
      case 'inc':
        return this.op('eq', r(), minimum);
      case 'dec':
        return this.op('eq', a(), minimum);
      default:
        return this.bitOfB(1);
    }
  }

  private adjust(): Expr {
    const { p, e } = this;
    if (p.kind === 'logic') return e.i32(0);
    if (p.kind === 'result') return this.bitOfB(2);
    const low = (v: Expr): Expr => (p.width === 64 ? e.op('i32.wrap', v) : v);
    let x = e.op('i32.xor', low(this.value(p.a)), low(this.value(p.r)));
    if (p.kind !== 'inc' && p.kind !== 'dec') x = e.op('i32.xor', x, low(this.value(p.b)));
    return e.op('i32.and', e.op('i32.shr_u', x, e.i32(4)), e.i32(1));
  }

  /** Condition `code` (0 = O ... 15 = G) as an i32 boolean. */
  condition(code: number): Expr {
    const { p, e } = this;
    if (p.kind === 'sub') {
      const [a, b] = [this.value(p.a), this.value(p.b)];
      switch (code) {
        case 2:
          return this.op('lt_u', a, b);
        case 3:
          return this.op('ge_u', a, b);
        case 4:
          return this.op('eq', a, b);
        case 5:
          return this.op('ne', a, b);
        case 6:
          return this.op('le_u', a, b);
        case 7:
          return this.op('gt_u', a, b);
        case 12:
          return this.op('lt_s', this.signed(p.a), this.signed(p.b));
        case 13:
          return this.op('ge_s', this.signed(p.a), this.signed(p.b));
        case 14:
          return this.op('le_s', this.signed(p.a), this.signed(p.b));
        case 15:
          return this.op('gt_s', this.signed(p.a), this.signed(p.b));
      }
    }
    if (p.kind === 'logic') {
      const zero = (): Expr => this.constant(0);
      switch (code) {
        case 5:
        case 7:
          return this.op('ne', this.value(p.r), zero());
        case 6:
          return this.op('eqz', this.value(p.r));
        case 12:
          return this.top(this.value(p.r));
        case 13:
          return e.op('i32.eqz', this.top(this.value(p.r)));
        case 14:
          return this.op('le_s', this.signed(p.r), zero());
        case 15:
          return this.op('gt_s', this.signed(p.r), zero());
      }
    }
    if (code === 5) return this.op('ne', this.value(p.r), this.constant(0));
    const base = ((): Expr => {
      switch (code >> 1) {
        case 0:
          return this.flag('of');
        case 1:
          return this.flag('cf');
        case 2:
          return this.flag('zf');
        case 3:
          return e.op('i32.or', this.flag('cf'), this.flag('zf'));
        case 4:
          return this.flag('sf');
        case 5:
          return this.flag('pf');
        case 6:
          return e.op('i32.xor', this.flag('sf'), this.flag('of'));
        default:
          return e.op('i32.or', this.flag('zf'), e.op('i32.xor', this.flag('sf'), this.flag('of')));
      }
    })();
    return code & 1 ? e.op('i32.eqz', base) : base;
  }
}
