import type { Emitter } from '../emit/emitter.ts';
import type { Expr } from '../emit/binaryen.ts';
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

/** Codes of the kinds for `flushFlags`, in the low byte; the width stands above. */
export const KIND_CODE: Readonly<Record<PendingFlags['kind'], number>> = { add: 1, adc: 1, sub: 2, sbb: 2, logic: 3, inc: 4, dec: 5, result: 6 };

/** Text of the function that turns pending flags into the lazy words of machine state. */
export const flushFlagsText = (res: number, cout: number, aux: number): string => `
  (func $flushFlags (param $code i32) (param $a i64) (param $b i64) (param $r i64)
    (local $shift i64) (local $kind i32) (local $vector i64) (local $auxv i32)
    (local.set $shift (i64.extend_i32_u (i32.sub (i32.const 64) (i32.shr_u (local.get $code) (i32.const 8)))))
    (local.set $kind (i32.and (local.get $code) (i32.const 255)))
    (local.set $auxv (i32.and (i32.wrap_i64 (i64.xor (i64.xor (local.get $a) (local.get $b)) (local.get $r))) (i32.const 16)))
    (i64.store $state offset=${res} (i32.const 0) (i64.shr_s (i64.shl (local.get $r) (local.get $shift)) (local.get $shift)))
    (if (i32.eq (local.get $kind) (i32.const 1))
      (then (local.set $vector (i64.or (i64.and (local.get $a) (local.get $b)) (i64.and (i64.or (local.get $a) (local.get $b)) (i64.xor (local.get $r) (i64.const -1)))))))
    (if (i32.eq (local.get $kind) (i32.const 2))
      (then (local.set $vector (i64.or (i64.and (i64.xor (local.get $a) (i64.const -1)) (local.get $b)) (i64.and (i64.or (i64.xor (local.get $a) (i64.const -1)) (local.get $b)) (local.get $r))))))
    (local.set $vector (i64.shl (local.get $vector) (local.get $shift)))
    (if (i32.eq (local.get $kind) (i32.const 3)) (then (local.set $auxv (i32.const 0))))
    (if (i32.or (i32.eq (local.get $kind) (i32.const 4)) (i32.eq (local.get $kind) (i32.const 5)))
      (then
        (local.set $auxv (i32.and (i32.wrap_i64 (i64.xor (local.get $a) (local.get $r))) (i32.const 16)))
        (local.set $vector (i64.xor
          (i64.and (i64.sub (i64.const 0) (local.get $b)) (i64.const -4611686018427387904))
          (i64.shl (i64.extend_i32_u (i64.eq (i64.shl (select (local.get $r) (local.get $a) (i32.eq (local.get $kind) (i32.const 4))) (local.get $shift)) (i64.const -9223372036854775808))) (i64.const 62))))))
    (if (i32.eq (local.get $kind) (i32.const 6))
      (then
        (local.set $auxv (i32.shl (i32.wrap_i64 (i64.shr_u (local.get $b) (i64.const 2))) (i32.const 4)))
        (local.set $vector (i64.or (i64.shl (local.get $b) (i64.const 63))
          (i64.shl (i64.and (i64.xor (local.get $b) (i64.shr_u (local.get $b) (i64.const 1))) (i64.const 1)) (i64.const 62))))))
    (i64.store $state offset=${cout} (i32.const 0) (local.get $vector))
    (i32.store $state offset=${aux} (i32.const 0) (local.get $auxv)))`;

/** Text of the function that sets single flags in the lazy words: bits 5-0 which (FLAG_BIT), bits 13-8 their values. */
export const overrideFlagsText = (res: number, cout: number, aux: number): string => `
  (func $overrideFlags (param $word i32)
    (local $old i32) (local $now i32) (local $c i64)
    ;; the six flags as FLAG_BIT bits
    (local.set $c (i64.load $state offset=${cout} (i32.const 0)))
    (local.set $now (i32.xor (i32.wrap_i64 (i64.load $state offset=${res} (i32.const 0))) (i32.shr_u (i32.load $state offset=${aux} (i32.const 0)) (i32.const 8))))
    (local.set $old (i32.or (i32.wrap_i64 (i64.shr_u (local.get $c) (i64.const 63)))
      (i32.shl (i32.wrap_i64 (i64.shr_u (i64.xor (local.get $c) (i64.shl (local.get $c) (i64.const 1))) (i64.const 63))) (i32.const 5))))
    (local.set $old (i32.or (local.get $old) (i32.shl (i32.and (i32.xor (i32.popcnt (i32.and (local.get $now) (i32.const 255))) (i32.const 1)) (i32.const 1)) (i32.const 1))))
    (local.set $old (i32.or (local.get $old) (i32.shl (i32.and (i32.shr_u (i32.load $state offset=${aux} (i32.const 0)) (i32.const 4)) (i32.const 1)) (i32.const 2))))
    (local.set $old (i32.or (local.get $old) (i32.shl (i64.eqz (i64.load $state offset=${res} (i32.const 0))) (i32.const 3))))
    (local.set $old (i32.or (local.get $old) (i32.shl (i32.xor (i32.wrap_i64 (i64.shr_u (i64.load $state offset=${res} (i32.const 0)) (i64.const 63)))
      (i32.and (i32.shr_u (i32.load $state offset=${aux} (i32.const 0)) (i32.const 7)) (i32.const 1))) (i32.const 4))))
    (local.set $now (i32.or (i32.and (local.get $old) (i32.xor (local.get $word) (i32.const -1))) (i32.and (i32.shr_u (local.get $word) (i32.const 8)) (local.get $word))))
    (local.set $now (i32.and (local.get $now) (i32.const 63)))
    (i64.store $state offset=${res} (i32.const 0) (i64.extend_i32_u (i32.eqz (i32.and (local.get $now) (i32.const 8)))))
    (i32.store $state offset=${aux} (i32.const 0) (i32.or (i32.or
      (i32.shl (i32.and (local.get $now) (i32.const 4)) (i32.const 2))
      (i32.shl (i32.and (local.get $now) (i32.const 16)) (i32.const 3)))
      (i32.shl (i32.xor (i32.and (i32.shr_u (local.get $now) (i32.const 1)) (i32.const 1)) (i32.and (i32.shr_u (local.get $now) (i32.const 3)) (i32.const 1))) (i32.const 8))))
    (local.set $c (i64.extend_i32_u (i32.and (local.get $now) (i32.const 1))))
    (i64.store $state offset=${cout} (i32.const 0) (i64.or (i64.shl (local.get $c) (i64.const 63))
      (i64.shl (i64.xor (local.get $c) (i64.extend_i32_u (i32.and (i32.shr_u (local.get $now) (i32.const 5)) (i32.const 1)))) (i64.const 62)))))`;

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
    if (this.p.width === 64) return this.e.op('i32.wrap', this.e.op('i64.shr_u', v, this.e.i64(63n)));
    const bit = this.e.op('i32.shr_u', v, this.e.i32(this.p.width - 1));
    return this.p.width === 32 ? bit : this.e.op('i32.and', bit, this.e.i32(1));
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
