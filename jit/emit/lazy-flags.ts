import type { Flag, Node, Width } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import type { Emitter } from './emitter.ts';
import type { Expr } from './wasm-types.ts';

/**
 * Flags as three lazy words in machine state (see FLAG_RES in the layout): an operation stores its
 * result, its carry vector and the AF source; a flag is computed when it is read.
 */
export class LazyFlags {
  private readonly e: Emitter;

  constructor(e: Emitter) {
    this.e = e;
  }

  private get m() {
    return this.e.module;
  }
  private res(): Expr {
    return this.e.state64(L.FLAG_RES);
  }
  private cout(): Expr {
    return this.e.state64(L.FLAG_COUT);
  }
  private aux(): Expr {
    return this.e.state32(L.FLAG_AUX);
  }

  /** One flag as an i32 boolean. */
  read(flag: Flag): Expr {
    const { m, e } = this;
    switch (flag) {
      case 'cf':
        return m.i32.wrap(m.i64.shr_u(this.cout(), e.i64(63n)));
      case 'of':
        return m.i32.wrap(m.i64.shr_u(m.i64.xor(this.cout(), m.i64.shl(this.cout(), e.i64(1n))), e.i64(63n)));
      case 'zf':
        return m.i64.eqz(this.res());
      case 'sf':
        return m.i32.xor(m.i32.wrap(m.i64.shr_u(this.res(), e.i64(63n))), m.i32.and(m.i32.shr_u(this.aux(), e.i32(7)), e.i32(1)));
      case 'af':
        return m.i32.and(m.i32.shr_u(this.aux(), e.i32(4)), e.i32(1));
      default: {
        const low = m.i32.and(m.i32.xor(m.i32.wrap(this.res()), m.i32.shr_u(this.aux(), e.i32(8))), e.i32(255));
        return m.i32.and(m.i32.xor(m.i32.popcnt(low), e.i32(1)), e.i32(1));
      }
    }
  }

  /** Condition `code` as an i32 boolean. */
  condition(code: number): Expr {
    const { m } = this;
    const base = ((): Expr => {
      switch (code >> 1) {
        case 0:
          return this.read('of');
        case 1:
          return this.read('cf');
        case 2:
          return this.read('zf');
        case 3:
          return m.i32.or(this.read('cf'), this.read('zf'));
        case 4:
          return this.read('sf');
        case 5:
          return this.read('pf');
        case 6:
          return m.i32.xor(this.read('sf'), this.read('of'));
        default:
          return m.i32.or(this.read('zf'), m.i32.xor(this.read('sf'), this.read('of')));
      }
    })();
    return code & 1 ? m.i32.eqz(base) : base;
  }

  private store(res: Expr, cout: Expr, aux: Expr): Expr[] {
    return [this.e.setState64(L.FLAG_RES, res), this.e.setState64(L.FLAG_COUT, cout), this.e.setState32(L.FLAG_AUX, aux)];
  }

  /** The value sign-extended from its width to i64. */
  private sext(local: number, width: Width): Expr {
    const { m, e } = this;
    if (width === 64) return e.get(local, 'i64');
    const v = e.get(local, 'i32');
    return m.i64.extend_s(width === 32 ? v : width === 16 ? m.i32.extend16_s(v) : m.i32.extend8_s(v));
  }

  /** All six flags of an addition, subtraction, logical operation, INC or DEC. */
  set(node: Node): Expr[] {
    const { m, e } = this;
    const kind = node.flag;
    const width = ((node.bytes as number) * 8) as Width;
    const type = width === 64 ? 'i64' : 'i32';
    const o = width === 64 ? m.i64 : m.i32;
    const keep = (n: Node): [number, Expr] => {
      const local = e.local(type);
      return [local, e.set(local, e.value(n))];
    };
    const get = (l: number): Expr => e.get(l, type);
    const not = (x: Expr): Expr => o.xor(x, width === 64 ? e.i64(-1n) : e.i32(-1));
    const wide = (x: Expr): Expr => (width === 64 ? x : m.i64.extend_u(x));
    const low = (x: Expr): Expr => (width === 64 ? m.i32.wrap(x) : x);
    if (kind === 'logic') {
      const [r, set] = keep(node.args[0] as Node);
      return [set, ...this.store(this.sext(r, width), e.i64(0n), e.i32(0))];
    }
    const [a, setA] = keep(node.args[0] as Node);
    if (kind === 'inc' || kind === 'dec') {
      const [r, setR] = keep(node.args[1] as Node);
      const min = width === 64 ? e.i64(-(1n << 63n)) : e.i32(width === 32 ? -(2 ** 31) : 2 ** (width - 1));
      const of = m.i64.extend_u(o.eq(get(kind === 'inc' ? r : a), min));
      const cf = m.i64.shr_s(this.cout(), e.i64(63n)); // all ones when CF
      const cout = m.i64.xor(m.i64.and(cf, e.i64(-(1n << 62n))), m.i64.shl(of, e.i64(62n)));
      const aux = m.i32.and(m.i32.xor(low(get(a)), low(get(r))), e.i32(16));
      return [setA, setR, ...this.store(this.sext(r, width), cout, aux)];
    }
    const [b, setB] = keep(node.args[1] as Node);
    const [r, setR] = keep(node.args[2] as Node);
    const vector =
      kind === 'add' || kind === 'adc'
        ? o.or(o.and(get(a), get(b)), o.and(o.or(get(a), get(b)), not(get(r))))
        : o.or(o.and(not(get(a)), get(b)), o.and(o.or(not(get(a)), get(b)), get(r)));
    const cout = width === 64 ? vector : m.i64.shl(wide(vector), e.i64(BigInt(64 - width)));
    const aux = m.i32.and(m.i32.xor(m.i32.xor(low(get(a)), low(get(b))), low(get(r))), e.i32(16));
    return [setA, setB, setR, ...this.store(this.sext(r, width), cout, aux)];
  }

  /** The carry word for given CF and OF booleans. */
  private carryWord(cf: Expr, of: Expr): Expr {
    const { m, e } = this;
    const c = e.local('i64');
    const high = m.i64.shl(e.tee(c, m.i64.extend_u(cf), 'i64'), e.i64(63n));
    return m.i64.or(high, m.i64.shl(m.i64.xor(e.get(c, 'i64'), m.i64.extend_u(of)), e.i64(62n)));
  }

  /** SF, ZF, PF of a result, with given CF, OF and AF. */
  setResult(node: Node): Expr[] {
    const { m, e } = this;
    const [value, cf, of, af] = node.args as [Node, Node, Node, Node];
    const width = ((node.bytes as number) * 8) as Width;
    const r = e.local(value.type);
    return [e.set(r, e.value(value)), ...this.store(this.sext(r, width), this.carryWord(e.value(cf), e.value(of)), m.i32.shl(e.value(af), e.i32(4)))];
  }

  /** Single flags to given booleans; the others stay as they are. */
  assign(node: Node): Expr[] {
    const { m, e } = this;
    const flags = node.flags as Partial<Record<Flag, Node>>;
    const out: Expr[] = [];
    const value = (flag: Flag): number => {
      const local = e.local('i32');
      const given = flags[flag];
      out.push(e.set(local, given ? e.value(given) : this.read(flag)));
      return local;
    };
    const carries = flags.cf !== undefined || flags.of !== undefined;
    const results = flags.zf !== undefined || flags.sf !== undefined || flags.pf !== undefined || flags.af !== undefined;
    const cf = carries ? value('cf') : -1;
    const of = carries ? value('of') : -1;
    if (results) {
      const [zf, sf, pf, af] = (['zf', 'sf', 'pf', 'af'] as const).map(value) as [number, number, number, number];
      const get = (l: number): Expr => e.get(l, 'i32');
      out.push(e.setState64(L.FLAG_RES, m.i64.extend_u(m.i32.eqz(get(zf)))));
      const pdb = m.i32.xor(get(pf), get(zf));
      out.push(e.setState32(L.FLAG_AUX, m.i32.or(m.i32.or(m.i32.shl(get(af), e.i32(4)), m.i32.shl(get(sf), e.i32(7))), m.i32.shl(pdb, e.i32(8)))));
    }
    if (carries) out.push(e.setState64(L.FLAG_COUT, this.carryWord(e.get(cf, 'i32'), e.get(of, 'i32'))));
    return out;
  }
}
