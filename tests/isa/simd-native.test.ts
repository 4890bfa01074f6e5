import { describe, expect, it } from 'vitest';
import type { Row } from '../../jit/isa/dsl/row.ts';
import { sseConvert } from '../../jit/isa/table/sse-convert.ts';
import { sseFloat } from '../../jit/isa/table/sse-float.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { randomDouble, randomSingle } from '../support/float-samples.ts';
import { OPERAND_ADDRESS, REG, RM, RowMachine, type Snippet } from '../support/row-machine.ts';
import { randomWords } from '../support/simd-rows.ts';

const ROUNDS = Number(process.env['XYLEM_SIMD_ROUNDS'] ?? 3000);

/** Operation numbers of `sse_packed`. */
const PACKED: Readonly<Record<string, number>> = {
  ADD: 0,
  MUL: 1,
  SUB: 2,
  MIN: 3,
  DIV: 4,
  MAX: 5,
  SQRT: 6,
  CMP: 7,
  HADD: 8,
  HSUB: 9,
  ADDSUB: 10,
  DP: 11,
  ROUND: 12,
};
const CONVERSIONS: Readonly<Record<string, number>> = {
  CVTDQ2PS: 64,
  CVTPS2DQ: 65,
  CVTTPS2DQ: 66,
  CVTPD2DQ: 67,
  CVTTPD2DQ: 68,
  CVTDQ2PD: 69,
  CVTPS2PD: 70,
  CVTPD2PS: 71,
};
const operation = (row: Row): readonly [string, string] | null => {
  const match = /^([A-Z]+)(PS|PD|SS|SD)$/.exec(row.mnemonic);
  return match && (match[1] as string) in PACKED ? [match[1] as string, match[2] as string] : null;
};

/** Fast native arithmetic, the same with more sticky bits, PE clear, DAZ and FTZ, other roundings, and unmasked exceptions. */
const CONTROLS = [0x1fa0, 0x1fa0, 0x1fa0, 0x1fbf, 0x1f80, 0x9fe0, 0x1fe0, 0x9fa0, 0x3fa0, 0x5fa0, 0x7fa0, 0x0020, 0x1e20, 0x0f80];
const A = L.XMM + 16 * REG;
const B = L.XMM + 16 * RM;

describe('native SSE arithmetic', () => {
  const known = (row: Row): Snippet[] =>
    [false, true].flatMap((memory) =>
      row.operands.includes('imm8') ? [0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 0x31, 0xf1, 0xff].map((immediate) => ({ row, memory, immediate })) : [{ row, memory }],
    );
  const rows = [...sseFloat.filter((row) => operation(row) !== null), ...sseConvert, ...sseFloat.filter((row) => /COMIS/.test(row.mnemonic))].filter(
    (row) => !row.operands.some((k) => k.startsWith('q')),
  );
  const snippets = rows.flatMap(known);
  const machine = new RowMachine(snippets);
  const { bytes, view, ram, micro } = machine;
  const words = randomWords(0xf10a7);
  const next = (): number => words.next().value;

  const fillSources = (double: boolean): void => {
    for (const at of [A, B]) {
      if (double) for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, randomDouble(next), true);
      else for (let i = 0; i < 16; i += 4) view.setUint32(at + i, randomSingle(next), true);
    }
  };
  const text = (from: number, length: number): string =>
    Buffer.from(bytes.slice(from, from + length))
      .reverse()
      .toString('hex');
  const control = (mxcsr: number): void => {
    view.setUint32(L.MXCSR, mxcsr, true);
    micro['sse_mxcsr_changed']?.();
    view.setUint32(L.SSE_XM_PENDING, 0, true);
  };
  /** Result of `sse_packed` on A and B, and MXCSR; an empty result when #XM is due. */
  const exact = (code: number, imm: number, mxcsr: number, scalarBytes: number): { result: string; mxcsr: number } => {
    control(mxcsr);
    const scratch = bytes.subarray(L.FP_SCRATCH, L.FP_SCRATCH + 32);
    scratch.set(bytes.subarray(A, A + 16));
    scratch.set(bytes.subarray(B, B + 16), 16);
    // the upper elements of a scalar take no part: 1.0 in both formats raises nothing
    if (scalarBytes > 0)
      for (const base of [0, 16]) {
        for (let i = scalarBytes; i < 16; i += scalarBytes) {
          if (scalarBytes === 4) view.setFloat32(L.FP_SCRATCH + base + i, 1, true);
          else view.setFloat64(L.FP_SCRATCH + base + i, 1, true);
        }
      }
    const fault = micro['sse_packed']?.(code, imm);
    return { result: fault ? '' : text(L.FP_SCRATCH + 32, scalarBytes || 16), mxcsr: view.getUint32(L.MXCSR, true) };
  };
  const withOperand = ({ memory }: Snippet): void => void (memory && ram.set(bytes.slice(B, B + 16), OPERAND_ADDRESS));

  for (const [i, snippet] of snippets.entries()) {
    const { row, immediate = 0, memory } = snippet;
    const found = operation(row);
    const code = found ? (PACKED[found[0]] as number) + (/D$/.test(found[1]) ? 32 : 0) : CONVERSIONS[row.mnemonic];
    if (code === undefined) continue;
    const scalarBytes = found?.[1] === 'SS' ? 4 : found?.[1] === 'SD' ? 8 : 0;
    it(`is exact: ${row.id}${memory ? ' memory' : ''} ${immediate}`, () => {
      for (let n = 0; n < ROUNDS / (row.operands.includes('imm8') ? 8 : 1); n++) {
        fillSources(found ? /D$/.test(found[1]) : /PD2/.test(row.mnemonic));
        const mxcsr = CONTROLS[next() % CONTROLS.length] as number;
        const sources = `${text(A, 16)} ${text(B, 16)} mxcsr ${mxcsr.toString(16)}`;
        const upper = text(A + scalarBytes, 16 - scalarBytes);
        const expected = exact(code, code === 7 || code === 39 ? immediate & 7 : immediate, mxcsr, scalarBytes);
        control(mxcsr);
        withOperand(snippet);
        const before = text(A, 16);
        const fault = machine.run(i, immediate);
        const after = view.getUint32(L.MXCSR, true);
        if (expected.result === '') {
          expect([fault, text(A, 16), after], sources).toEqual([19, before, expected.mxcsr]);
        } else {
          const all = scalarBytes ? upper + expected.result : expected.result;
          expect([fault, text(A, 16), after.toString(16)], sources).toEqual([-1, all, expected.mxcsr.toString(16)]);
        }
      }
    });
  }

  const scalars: Readonly<Record<string, string>> = {
    CVTSS2SI_r32: 'sse_cvt_f32_i32',
    CVTSS2SI_r64: 'sse_cvt_f32_i64',
    CVTSD2SI_r32: 'sse_cvt_f64_i32',
    CVTSD2SI_r64: 'sse_cvt_f64_i64',
    CVTTSS2SI_r32: 'sse_cvtt_f32_i32',
    CVTTSS2SI_r64: 'sse_cvtt_f32_i64',
    CVTTSD2SI_r32: 'sse_cvtt_f64_i32',
    CVTTSD2SI_r64: 'sse_cvtt_f64_i64',
    CVTSI2SS_x_rm32: 'sse_cvt_i32_f32',
    CVTSI2SS_x_rm64: 'sse_cvt_i64_f32',
    CVTSI2SD_x_rm32: 'sse_cvt_i32_f64',
    CVTSI2SD_x_rm64: 'sse_cvt_i64_f64',
    CVTSS2SD: 'sse_cvt_f32_f64',
    CVTSD2SS: 'sse_cvt_f64_f32',
    COMISS: 'sse_comi_f32',
    COMISD: 'sse_comi_f64',
    UCOMISS: 'sse_ucomi_f32',
    UCOMISD: 'sse_ucomi_f64',
  };
  for (const [i, snippet] of snippets.entries()) {
    const { row, memory } = snippet;
    const entry = Object.entries(scalars).find(([prefix]) => row.id.startsWith(prefix));
    if (entry === undefined) continue;
    const routine = entry[1];
    const [, source, target] = /_(f32|f64|i32|i64)(?:_(f32|f64|i32|i64))?$/.exec(routine) as unknown as [string, string, string | undefined];
    it(`is exact: ${row.id}${memory ? ' memory' : ''}`, () => {
      for (let n = 0; n < ROUNDS; n++) {
        const double = source === 'f64';
        fillSources(double);
        if (source.startsWith('i')) {
          const x = BigInt.asIntN(64, ((BigInt(next()) << 32n) | BigInt(next())) >> BigInt(next() % 64));
          view.setBigInt64(L.GPR + 8 * RM, x, true);
          view.setBigInt64(B, x, true);
        }
        const mxcsr = CONTROLS[next() % CONTROLS.length] as number;
        const read = (at: number): number | bigint => (source === 'f32' || source === 'i32' ? view.getInt32(at, true) : view.getBigInt64(at, true));
        const sources = `${text(A, 16)} ${text(B, 16)} mxcsr ${mxcsr.toString(16)}`;
        control(mxcsr);
        const comparison = target === undefined;
        const result = comparison ? micro[routine]?.(read(A), read(B)) : micro[routine]?.(read(B));
        const due = view.getInt32(L.SSE_XM_PENDING, true) !== 0;
        const expectedMxcsr = view.getUint32(L.MXCSR, true);
        control(mxcsr);
        micro['setEflags']?.(0x8d5, 0x8d5);
        view.setBigInt64(L.GPR + 8 * REG, -1n, true);
        withOperand(snippet);
        const upper = text(A, 16);
        const fault = machine.run(i);
        expect([fault, view.getUint32(L.MXCSR, true).toString(16)], sources).toEqual([due ? 19 : -1, expectedMxcsr.toString(16)]);
        if (due) continue;
        if (comparison) expect((micro['getEflags']?.() as number) & 0x8d5, sources).toBe(result);
        else if (target.startsWith('i')) {
          const bits = target === 'i32' ? 32 : 64;
          expect(view.getBigUint64(L.GPR + 8 * REG, true), sources).toBe(BigInt.asUintN(bits, BigInt(result as number)));
        } else {
          const digits = target === 'f32' ? 8 : 16;
          const low = BigInt.asUintN(digits * 4, BigInt(result as number))
            .toString(16)
            .padStart(digits, '0');
          expect(text(A, 16), sources).toBe(upper.slice(0, 32 - digits) + low);
        }
      }
    });
  }
});
