import type { Machine, Value } from '../../ir/machine.ts';
import type { Row } from '../dsl/row.ts';
import {
  bothOrdinary, compareFloat, denormalLanes, doubtfulLanes, doubtfulPair, finiteLanes, float, floatShape, type Format, fromBits, nanLanes, nativeUnless,
  notFiniteLanes, notSmallLanes, ordinaryLanes, pair, raisePending, scalar, type Scalar, unlessFast, unlessHarmless, widthOf,
} from './sse-native.ts';
import {
  direct, immediate32, knownImmediate, lanes32, row, splat32, splat64, swapped, vec, type VectorOperation, xmmBinary, xmmOnly, xmmSource, zeroVector,
} from './sse-operand.ts';

/** Operation numbers of the microcode's `sse_packed`, single precision; double precision is 32 more. */
const CODE = { add: 0, mul: 1, sub: 2, min: 3, div: 4, max: 5, sqrt: 6, cmp: 7, hadd: 8, hsub: 9, addsub: 10, dp: 11, round: 12 } as const;
type Code = keyof typeof CODE;


/** The exact packed result. */
export const exactPacked = (m: Machine, code: number, a: Value, b: Value, imm?: Value): Value =>
  m.call('simd_packed', 'v128', 128, m.i32(code), imm ?? m.i32(0), a, b);
const packed = (m: Machine, op: Code, format: Format, a: Value, b: Value, imm?: Value): Value =>
  exactPacked(m, CODE[op] + (format === 'f64' ? 32 : 0), a, b, imm);

/** The exact scalar result. */
const exactScalar = (m: Machine, op: Code, format: Format, a: Value, b: Value, imm?: Value): Value =>
  fromBits(m, format, m.call(`simd_scalar_${format}`, format === 'f32' ? 'i32' : 'i64', widthOf(format), m.i32(CODE[op]), imm ?? m.i32(0), a, b));

/** Writes the low element of operand 0; the rest stays. */
const writeLow = (m: Machine, format: Format, a: Value, r: Value): void => m.write(0, m.replaceLane(floatShape(format), a, 0, r));

// --- add, subtract, multiply, divide ---------------------------------------------------------------
type Arithmetic = 'add' | 'sub' | 'mul' | 'div';

const arithmeticScalar = (op: Arithmetic, format: Format) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  const a = scalar(m, 0, format);
  const native = float(m, format, op, a.value, b.value);
  // the operands alone decide, so that nothing waits for the result
  const doubt = unlessHarmless(m, format, 2, ordinaryLanes(m, format, pair(m, format, a, b)));
  const r = nativeUnless(m, native, doubt, () => exactScalar(m, op, format, a.bits, b.bits));
  writeLow(m, format, m.read(0, 128), r);
};

/** Packed arithmetic on two vectors made from the operands; `exact` gives the microcode's result from the operands themselves. */
function arithmeticLanes(m: Machine, op: Arithmetic, format: Format, a: Value, b: Value, exact: () => Value): Value {
  const native = vec(m, `${floatShape(format)}.${op}`, a, b);
  const result = m.variable(native);
  m.seldom(unlessHarmless(m, 'f32', 4, bothOrdinary(m, format, a, b)), () => {
    // zeros are frequent in unused lanes; sums and differences that come out denormal are exact, products and quotients may underflow
    const underflows = op === 'mul' || op === 'div';
    const doubt = unlessHarmless(
      m, format, format === 'f32' ? 4 : 2,
      notSmallLanes(m, format, a, underflows),
      op === 'div' ? ordinaryLanes(m, format, b) : notSmallLanes(m, format, b, underflows),
      finiteLanes(m, format, m.value(result)),
    );
    m.seldom(doubt, () => {
      const r = exact();
      raisePending(m);
      m.assign(result, r);
    });
  });
  return m.value(result);
}

const arithmeticPacked = (op: Arithmetic, format: Format) => xmmBinary((m, a, b) =>
  arithmeticLanes(m, op, format, a, b, () => packed(m, op, format, a, b)));

/** HADD and HSUB: even elements `op` odd ones. */
const horizontal = (op: 'hadd' | 'hsub', format: Format) => xmmBinary((m, a, b) => {
  const even = format === 'f32' ? [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27] : [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
  const left = m.shuffle(a, b, even);
  const right = m.shuffle(a, b, even.map((lane) => lane + widthOf(format) / 8));
  return arithmeticLanes(m, op === 'hadd' ? 'add' : 'sub', format, left, right, () => packed(m, op, format, a, b));
});

/** ADDSUB: subtracts in even elements, adds in odd ones. */
const addSub = (format: Format) => xmmBinary((m, a, b) => {
  const signs = format === 'f32' ? splat64(m, 0x80000000n) : lanes32(m, [0, 0x80000000, 0, 0]);
  const right = vec(m, 'v128.xor', b, signs);
  return arithmeticLanes(m, 'add', format, a, right, () => packed(m, 'addsub', format, a, b));
});

/** DPPS and DPPD: rare enough to be exact always. */
const dotProduct = (format: Format) => (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const r = packed(m, 'dp', format, m.read(0), b, immediate32(m, 2));
  raisePending(m);
  m.write(0, r);
};

// --- square root, reciprocals ------------------------------------------------------------------------
const sqrtScalar = (format: Format) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  // negative, zero and denormal numbers have a shifted exponent below 1, infinity and NaN the largest
  const n = (value: number): Value => m.constant(widthOf(format), value);
  const exponent = m.sar(b.bits, n(exponentPosition(format)));
  const normal = m.ltU(m.sub(exponent, n(1)), n(format === 'f32' ? 254 : 2046));
  const doubt = unlessFast(m, m.isZero(normal));
  const r = nativeUnless(m, float(m, format, 'sqrt', b.value), doubt, () => exactScalar(m, 'sqrt', format, b.bits, b.bits));
  writeLow(m, format, m.read(0, 128), r);
};
const exponentPosition = (format: Format): number => (format === 'f32' ? 23 : 52);

const sqrtPacked = (format: Format) => xmmBinary((m, _a, b) => {
  const native = vec(m, `${floatShape(format)}.sqrt`, b);
  // a root is NaN for negative numbers; -0 and 0 pass
  const doubt = doubtfulLanes(m, format, denormalLanes(m, format, b), notFiniteLanes(m, format, native));
  return nativeUnless(m, native, unlessFast(m, doubt), () => packed(m, 'sqrt', format, b, b));
});

/**
 * RCP and RSQRT: within 1.5 * 2^-12 by the manual, so the correctly rounded quotient will do. Denormal operands and
 * results count as 0; MXCSR is neither read nor changed.
 */
function estimate(m: Machine, root: boolean, x: Value): Value {
  const sign = splat32(m, 0x80000000);
  const magnitude = vec(m, 'v128.andnot', x, sign);
  const least = splat32(m, 0x00800000);
  const flush = (v: Value): Value => vec(m, 'v128.andnot', v, vec(m, 'v128.andnot', vec(m, 'i32x4.lt_s', vec(m, 'v128.andnot', v, sign), least), sign));
  const one = splat32(m, 0x3f800000);
  const flushed = flush(x);
  const quotient = root
    ? vec(m, 'f32x4.div', one, vec(m, 'f32x4.sqrt', flushed))
    : flush(vec(m, 'f32x4.div', one, flushed));
  const isNan = vec(m, 'i32x4.gt_s', magnitude, splat32(m, 0x7f800000));
  let r = quotient;
  if (root) {
    const negative = vec(m, 'f32x4.lt', flushed, zeroVector(m));
    r = vec(m, 'v128.bitselect', splat32(m, 0xffc00000), r, negative);
  }
  return vec(m, 'v128.bitselect', vec(m, 'v128.or', x, splat32(m, 0x00400000)), r, isNan);
}
const estimatePacked = (root: boolean): VectorOperation => (m, _a, b) => estimate(m, root, b);
const estimateScalar = (root: boolean) => (m: Machine): void => {
  m.need('sse');
  const b = m.isMemory(1) ? vec(m, 'i32x4.splat', m.read(1)) : m.read(1, 128);
  m.write(0, m.shuffle(m.read(0), estimate(m, root, b), [16, 17, 18, 19, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
};

// --- minimum, maximum, compares ------------------------------------------------------------------------
/** MIN and MAX: the second operand when either is NaN or both are zeros, which is what pmin and pmax do with exchanged operands. */
const extremum = (op: 'min' | 'max', format: Format): VectorOperation => (m, a, b) => {
  const native = vec(m, `${floatShape(format)}.p${op}`, b, a);
  const doubt = doubtfulLanes(m, format, denormalLanes(m, format, a), denormalLanes(m, format, b), nanLanes(m, format, a), nanLanes(m, format, b));
  return nativeUnless(m, native, doubt, () => packed(m, op, format, a, b));
};
const extremumScalar = (op: 'min' | 'max', format: Format) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  const a = scalar(m, 0, format);
  const takesFirst = compareFloat(m, format, op === 'min' ? 'lt' : 'gt', a.value, b.value);
  const native = m.select(takesFirst, a.value, b.value);
  const doubt = unusual(m, format, a, b);
  const r = nativeUnless(m, native, doubt, () => exactScalar(m, op, format, a.bits, b.bits));
  writeLow(m, format, m.read(0, 128), r);
};

/** Not 0 when one of two operands of a comparison is denormal or NaN. */
function unusual(m: Machine, format: Format, a: Scalar, b: Scalar): Value {
  const both = pair(m, format, a, b);
  return doubtfulPair(m, format, denormalLanes(m, format, both), nanLanes(m, format, both));
}

/** The eight predicates of CMPccPS and so on as a mask vector. */
function compareMask(m: Machine, format: Format, predicate: number, a: Value, b: Value): Value {
  const shape = floatShape(format);
  const base = predicate & 3;
  const r = base === 0 ? vec(m, `${shape}.eq`, a, b)
    : base === 1 ? vec(m, `${shape}.lt`, a, b)
    : base === 2 ? vec(m, `${shape}.le`, a, b)
    : vec(m, 'v128.or', vec(m, `${shape}.ne`, a, a), vec(m, `${shape}.ne`, b, b));
  return predicate & 4 ? vec(m, 'v128.not', r) : r;
}

/** The mask for an immediate that may be known only when the instruction runs. */
function compareMaskBy(m: Machine, format: Format, i: number, a: Value, b: Value): Value {
  const imm = knownImmediate(m, i);
  if (imm !== undefined) return compareMask(m, format, imm & 7, a, b);
  const n = immediate32(m, i);
  const pick = (k: number): Value => compareMask(m, format, k, a, b);
  const base = m.select(m.bit(n, 1), m.select(m.bit(n, 0), pick(3), pick(2)), m.select(m.bit(n, 0), pick(1), pick(0)));
  return vec(m, 'v128.xor', base, vec(m, 'i32x4.splat', m.neg(m.bit(n, 2))));
}

/** Both operands of a compare are harmless: neither denormal nor NaN. Lane checks. */
const compareChecks = (m: Machine, format: Format, a: Value, b: Value): readonly Value[] =>
  [denormalLanes(m, format, a), denormalLanes(m, format, b), nanLanes(m, format, a), nanLanes(m, format, b)];

const comparePacked = (format: Format) => xmmBinary((m, a, b) => {
  const doubt = doubtfulLanes(m, format, ...compareChecks(m, format, a, b));
  return nativeUnless(m, compareMaskBy(m, format, 2, a, b), doubt, () => packed(m, 'cmp', format, a, b, immediate32(m, 2)));
});

const compareScalar = (format: Format) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  const a = scalar(m, 0, format);
  const shape = floatShape(format);
  const left = m.read(0, 128);
  const right = m.isMemory(1) ? vec(m, `${shape}.splat`, b.value) : m.read(1, 128);
  const doubt = unusual(m, format, a, b);
  const native = m.extractLane(shape, compareMaskBy(m, format, 2, left, right), 0);
  const r = nativeUnless(m, native, doubt, () => exactScalar(m, 'cmp', format, a.bits, b.bits, immediate32(m, 2)));
  writeLow(m, format, left, r);
};

/**
 * COMI and UCOMI. The flags follow from native comparisons in any case; the microcode is asked only for exceptions,
 * and for the operands that DAZ makes 0.
 */
const compareFlags = (format: Format, quiet: boolean) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  const a = scalar(m, 0, format);
  const type = format === 'f32' ? 'i32' : 'i64';
  const left = m.variable(a.value);
  const right = m.variable(b.value);
  const doubt = unusual(m, format, a, b);
  m.seldom(doubt, () => {
    m.call(`simd_comi_${format}`, 'none', 0, m.i32(quiet ? 1 : 0), a.bits, b.bits);
    raisePending(m);
    const seen = (bits: Value): Value => fromBits(m, format, m.call(`simd_seen_${format}`, type, widthOf(format), bits));
    m.assign(left, seen(a.bits));
    m.assign(right, seen(b.bits));
  });
  const x = m.value(left);
  const y = m.value(right);
  const nan = m.or(compareFloat(m, format, 'ne', x, x), compareFloat(m, format, 'ne', y, y));
  const zero = m.i32(0);
  m.assignFlags({
    zf: m.or(compareFloat(m, format, 'eq', x, y), nan), pf: nan, cf: m.isZero(compareFloat(m, format, 'ge', x, y)),
    of: zero, sf: zero, af: zero,
  });
};

// --- rounding to integral values -----------------------------------------------------------------------
const ROUNDING = ['nearest', 'floor', 'ceil', 'trunc'] as const;

/** The native rounding for an immediate known now; bit 2 asks for MXCSR's mode, which is to nearest where SSE_FAST holds. */
const roundingOf = (imm: number): string => ROUNDING[imm & 4 ? 0 : imm & 3] as string;

const roundPacked = (format: Format) => (m: Machine): void => {
  m.need('sse');
  const b = xmmSource(m, 1);
  const imm = knownImmediate(m, 2);
  const exact = (): Value => packed(m, 'round', format, b, b, immediate32(m, 2));
  if (imm === undefined) {
    const r = exact();
    raisePending(m);
    m.write(0, r);
    return;
  }
  const doubt = unlessFast(m, doubtfulLanes(m, format, nanLanes(m, format, b)));
  m.write(0, nativeUnless(m, vec(m, `${floatShape(format)}.${roundingOf(imm)}`, b), doubt, exact));
};
const roundScalar = (format: Format) => (m: Machine): void => {
  m.need('sse');
  const b = scalar(m, 1, format);
  const imm = knownImmediate(m, 2);
  const exact = (): Value => exactScalar(m, 'round', format, b.bits, b.bits, immediate32(m, 2));
  let r: Value;
  if (imm === undefined) {
    r = exact();
    raisePending(m);
  } else {
    const doubt = unlessFast(m, compareFloat(m, format, 'ne', b.value, b.value));
    r = nativeUnless(m, float(m, format, roundingOf(imm), b.value), doubt, exact);
  }
  writeLow(m, format, m.read(0, 128), r);
};

// --- rows ------------------------------------------------------------------------------------------------
const FORMS = [['PS', 'NP', 'f32', 'sse'], ['PD', '66', 'f64', 'sse2']] as const;
const SCALARS = [['SS', 'F3', 'f32', 'sse', 'xm32'], ['SD', 'F2', 'f64', 'sse2', 'xm64']] as const;

const arithmeticRows = (mnemonic: string, byte: string, op: Arithmetic): Row[] => [
  ...FORMS.map(([suffix, prefix, format, feature]) => row(`${mnemonic}${suffix}`, `${prefix} 0F ${byte} /r`, 'x,xm128', arithmeticPacked(op, format), { feature })),
  ...SCALARS.map(([suffix, prefix, format, feature, source]) => row(`${mnemonic}${suffix}`, `${prefix} 0F ${byte} /r`, `x,${source}`, arithmeticScalar(op, format), { feature })),
];
const extremumRows = (mnemonic: string, byte: string, op: 'min' | 'max'): Row[] => [
  ...FORMS.map(([suffix, prefix, format, feature]) => xmmOnly(`${mnemonic}${suffix}`, `${prefix} 0F ${byte} /r`, extremum(op, format), feature)),
  ...SCALARS.map(([suffix, prefix, format, feature, source]) => row(`${mnemonic}${suffix}`, `${prefix} 0F ${byte} /r`, `x,${source}`, extremumScalar(op, format), { feature })),
];
const logic = (mnemonic: string, byte: string, op: VectorOperation): Row[] =>
  FORMS.map(([suffix, prefix, , feature]) => xmmOnly(`${mnemonic}${suffix}`, `${prefix} 0F ${byte} /r`, op, feature));

/** Floating-point arithmetic, compares, logic and rounding. */
export const sseFloat: readonly Row[] = [
  ...(['UCOMIS', 'COMIS'] as const).flatMap((name) => [
    row(`${name}S`, `NP 0F ${name === 'COMIS' ? '2F' : '2E'} /r`, 'x,xm32', compareFlags('f32', name === 'UCOMIS'), { feature: 'sse' }),
    row(`${name}D`, `66 0F ${name === 'COMIS' ? '2F' : '2E'} /r`, 'x,xm64', compareFlags('f64', name === 'UCOMIS'), { feature: 'sse2' }),
  ]),
  ...FORMS.map(([suffix, prefix, format, feature]) => row(`SQRT${suffix}`, `${prefix} 0F 51 /r`, 'x,xm128', sqrtPacked(format), { feature })),
  ...SCALARS.map(([suffix, prefix, format, feature, source]) => row(`SQRT${suffix}`, `${prefix} 0F 51 /r`, `x,${source}`, sqrtScalar(format), { feature })),
  xmmOnly('RSQRTPS', 'NP 0F 52 /r', estimatePacked(true), 'sse'),
  row('RSQRTSS', 'F3 0F 52 /r', 'x,xm32', estimateScalar(true), { feature: 'sse' }),
  xmmOnly('RCPPS', 'NP 0F 53 /r', estimatePacked(false), 'sse'),
  row('RCPSS', 'F3 0F 53 /r', 'x,xm32', estimateScalar(false), { feature: 'sse' }),
  ...logic('AND', '54', direct('v128.and')),
  ...logic('ANDN', '55', swapped('v128.andnot')),
  ...logic('OR', '56', direct('v128.or')),
  ...logic('XOR', '57', direct('v128.xor')),
  ...arithmeticRows('ADD', '58', 'add'),
  ...arithmeticRows('MUL', '59', 'mul'),
  ...arithmeticRows('SUB', '5C', 'sub'),
  ...extremumRows('MIN', '5D', 'min'),
  ...arithmeticRows('DIV', '5E', 'div'),
  ...extremumRows('MAX', '5F', 'max'),
  row('HADDPD', '66 0F 7C /r', 'x,xm128', horizontal('hadd', 'f64'), { feature: 'sse3' }),
  row('HADDPS', 'F2 0F 7C /r', 'x,xm128', horizontal('hadd', 'f32'), { feature: 'sse3' }),
  row('HSUBPD', '66 0F 7D /r', 'x,xm128', horizontal('hsub', 'f64'), { feature: 'sse3' }),
  row('HSUBPS', 'F2 0F 7D /r', 'x,xm128', horizontal('hsub', 'f32'), { feature: 'sse3' }),
  ...FORMS.map(([suffix, prefix, format, feature]) => row(`CMP${suffix}`, `${prefix} 0F C2 /r`, 'x,xm128,imm8', comparePacked(format), { feature })),
  ...SCALARS.map(([suffix, prefix, format, feature, source]) => row(`CMP${suffix}`, `${prefix} 0F C2 /r`, `x,${source},imm8`, compareScalar(format), { feature })),
  row('ADDSUBPD', '66 0F D0 /r', 'x,xm128', addSub('f64'), { feature: 'sse3' }),
  row('ADDSUBPS', 'F2 0F D0 /r', 'x,xm128', addSub('f32'), { feature: 'sse3' }),
  row('ROUNDPS', '66 0F 3A 08 /r', 'x,xm128,imm8', roundPacked('f32'), { feature: 'sse41' }),
  row('ROUNDPD', '66 0F 3A 09 /r', 'x,xm128,imm8', roundPacked('f64'), { feature: 'sse41' }),
  row('ROUNDSS', '66 0F 3A 0A /r', 'x,xm32,imm8', roundScalar('f32'), { feature: 'sse41' }),
  row('ROUNDSD', '66 0F 3A 0B /r', 'x,xm64,imm8', roundScalar('f64'), { feature: 'sse41' }),
  row('DPPS', '66 0F 3A 40 /r', 'x,xm128,imm8', dotProduct('f32'), { feature: 'sse41' }),
  row('DPPD', '66 0F 3A 41 /r', 'x,xm128,imm8', dotProduct('f64'), { feature: 'sse41' }),
];
