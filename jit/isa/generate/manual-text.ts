import type { OperandKind, Row } from '../dsl/row.ts';

/** Kinds whose manual spelling follows no pattern. */
const FIXED: Readonly<Record<string, string>> = {
  one: '1',
  x: 'xmm',
  xr: 'xmm',
  q: 'mm',
  qr: 'mm',
  sreg: 'Sreg',
  creg: 'CRn',
  dreg: 'DRn',
  sti: 'ST(i)',
  m: 'm',
  imm16_8: 'imm16, imm8',
  far16: 'ptr16:16',
  far32: 'ptr16:32',
};

/** Patterns of kinds, in order, with what the manual writes instead. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/^rm(\d+)$/, 'r/m$1'],
  [/^xm(\d+)$/, 'xmm/m$1'],
  [/^qm(\d+)$/, 'mm/m$1'],
  [/^[ov](\d+)$/, 'r$1'],
  [/^(imm\d+)s$/, '$1'],
  [/^(m\d+|r\d+|imm\d+|rel\d+|moffs\d+)$/, '$1'],
];

/** An operand kind as Intel's manual writes it; null when there is no such kind. */
export function operandText(kind: OperandKind): string | null {
  const fixed = FIXED[kind];
  if (fixed !== undefined) return fixed;
  for (const [pattern, text] of SPELLINGS) if (pattern.test(kind)) return kind.replace(pattern, text);
  return /^(al|ax|eax|rax|cl|dx|[cdefgs]s)$/.test(kind) ? kind.toUpperCase() : null;
}

/**
 * The instruction as Intel's manual writes it: `ADD r/m32, r32`.
 * @throws Error for an operand kind without a manual spelling
 */
export function manualText(row: Row): string {
  const operands = row.operands.map((kind) => {
    const text = operandText(kind);
    if (text === null) throw new Error(`${row.id}: operand kind ${kind} has no manual spelling`);
    return text;
  });
  return operands.length === 0 ? row.mnemonic : `${row.mnemonic} ${operands.join(', ')}`;
}
