import type { Row } from '../../jit/isa/dsl/row.ts';
import { TABLE } from '../../jit/isa/table/index.ts';
import { formsOf, handlerFacts, modesOf, runRow } from '../../jit/interp/handler-key.ts';
import { evaluable } from '../support/evaluator.ts';
import type { CodeSize } from './encode-row.ts';

/** Rows of one kind, with how often they are wanted. */
export interface Pool {
  readonly weight: number;
  readonly rows: readonly Row[];
}

/** Instructions that would leave the program, or whose effect is not the processor's alone. */
const UNWANTED =
  /^(J|CALL|RET|IRET|LOOP|INT|SYS|HLT|IN$|OUT$|INS|OUTS|POPF|MOV_sreg|POP_[defgs]s|L[DEFGS]S|MWAIT|MONITOR|XRSTOR|FXRSTOR|WRFSBASE|WRGSBASE|STI|CLI|RDPMC|WRMSR|RDMSR|LGDT|LIDT|LLDT|LTR|INVD|WBINVD|INVLPG|INVPCID|MOV_creg|MOV_dreg|MOV_rm\d+_[cd]reg|SWAPGS|XSETBV|CLTS|LMSW|ENTER|LEAVE|SGDT|SIDT)/;
const STRINGS = /^(MOVS|CMPS|STOS|LODS|SCAS)[BWDQ]$/;

/** True when a row may stand anywhere in a program. */
const wanted = (row: Row): boolean =>
  !UNWANTED.test(row.mnemonic) && !UNWANTED.test(row.id) && !STRINGS.test(row.id) && !row.operands.some((k) => /^(rel|far)/.test(k));

function canEvaluate(row: Row, code: CodeSize): boolean {
  return formsOf(row).every((memory) => evaluable(runRow(row, memory, handlerFacts(row, memory, code, code, code)).program));
}

const isVector = (row: Row): boolean => row.operands.some((k) => /^(x|xm\d+|xr)$/.test(k)) || /MXCSR/.test(row.mnemonic);
const isMmx = (row: Row): boolean => row.operands.some((k) => k.startsWith('q')) || row.mnemonic === 'EMMS';

const pools = new Map<string, readonly Pool[]>();

/** The rows for random instructions. */
export function poolsFor(code: CodeSize, evaluableOnly: boolean): readonly Pool[] {
  const key = `${code}${evaluableOnly}`;
  const known = pools.get(key);
  if (known !== undefined) return known;
  const rows = TABLE.filter((row) => wanted(row) && modesOf(row).includes(code));
  const vector = rows.filter(isVector);
  const mmx = rows.filter(isMmx);
  const integer = rows.filter((row) => canEvaluate(row, code) && !isVector(row) && !isMmx(row));
  const x87 = rows.filter((row) => row.feature === 'x87');
  const taken = new Set([...integer, ...vector, ...mmx, ...x87]);
  const rest = rows.filter((row) => !taken.has(row));
  const made: readonly Pool[] = evaluableOnly
    ? [
        { weight: 60, rows: integer },
        { weight: 30, rows: vector.filter((row) => canEvaluate(row, code)) },
        { weight: 10, rows: mmx.filter((row) => canEvaluate(row, code)) },
      ]
    : [
        { weight: 55, rows: integer },
        { weight: 22, rows: vector },
        { weight: 14, rows: x87 },
        { weight: 6, rows: mmx },
        { weight: 3, rows: rest },
      ];
  pools.set(key, made);
  return made;
}
