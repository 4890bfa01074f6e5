import type { Machine } from '../../ir/machine.ts';
import { CR0, FPU_BLOCKED } from '../../state/vcpu-layout.ts';
import { type Row, row } from '../dsl/row.ts';
import { control, image, onRegister, plain } from './fpu-semantics.ts';

const x87 = { feature: 'x87', operandSize: 'any' } as const;

/** CR0.MP and CR0.TS: both set, FWAIT raises #NM. */
const MONITORED = 10;

/** FWAIT looks at CR0.MP, not at CR0.EM as other x87 instructions do. */
const fwait = (m: Machine): void => {
  const mask = m.i32(MONITORED);
  m.faultIf(m.eq(m.and(m.truncate(m.state(CR0, 64), 32), mask), mask), 7);
  m.when(m.isZero(m.state(FPU_BLOCKED)), () => m.need('fpu'));
};

const fldcw = (m: Machine): void => {
  m.need('fpu');
  m.call('x87_fldcw', 'none', 0, m.zeroExtend(m.read(0), 32));
};

/** FNSTCW and FNSTSW. */
const storeWord = (name: string) => (m: Machine): void => {
  m.need('fpu-nowait');
  m.write(0, m.truncate(m.call(`x87_${name}`, 'i32', 32), 16));
};

/** Control instructions of the 8087 and 80287 that do nothing since. */
const NOTHING: readonly (readonly [string, string])[] = [['FNENI', 'DB E0'], ['FNDISI', 'DB E1'], ['FNSETPM', 'DB E4']];

/** The 14-byte (16-bit operand size) and 28-byte forms of an image. */
const images = (mnemonic: string, opcode: string, name: string, unit: 'fpu' | 'fpu-nowait'): Row[] =>
  ([16, 32, 64] as const).map((size) =>
    row(mnemonic, opcode, 'm', image(name, unit, size !== 16), { feature: 'x87', operandSize: size, size, suffix: String(size) }));

/** FXSAVE and FXRSTOR without and with REX.W. */
const fxImages = (mnemonic: string, opcode: string, name: string): Row[] => [false, true].map((wide) =>
  row(wide ? `${mnemonic}64` : mnemonic, opcode, 'm', (m) => m.system(name, m.segmentNumber(), m.effectiveAddress(0), m.i32(wide ? 1 : 0)),
    { feature: 'fxsr', ...(wide ? { operandSize: 64, modes: 'only64' } : { operandSize: 'any' }) }));

/** XSAVE family: `form` is 0 plain, 1 optimised, 2 compacted, 3 supervisor. */
const xImages = (mnemonic: string, opcode: string, name: string, form: number, feature: string): Row[] => [false, true].map((wide) =>
  row(wide ? `${mnemonic}64` : mnemonic, opcode, 'm',
    (m) => m.system(name, m.segmentNumber(), m.effectiveAddress(0), m.i32(wide ? 1 : 0), m.i32(form)),
    { feature, ...(wide ? { operandSize: 64, modes: 'only64' } : { operandSize: 'any' }) }));

/** x87 control and the instructions that save and restore images of the unit. */
export const fpuControl: readonly Row[] = [
  row('WAIT', '9B', '', fwait, x87),
  row('FNOP', 'D9 D0', '', plain('fnop'), x87),
  row('FNINIT', 'DB E3', '', control('fninit'), x87),
  row('FNCLEX', 'DB E2', '', control('fnclex'), x87),
  ...NOTHING.map(([name, opcode]) => row(name, opcode, '', control('fnop'), x87)),
  row('FINCSTP', 'D9 F7', '', plain('fincstp'), x87),
  row('FDECSTP', 'D9 F6', '', plain('fdecstp'), x87),
  row('FFREE', 'DD C0+i', 'sti', onRegister('ffree'), x87),
  row('FFREEP', 'DF C0+i', 'sti', onRegister('ffreep'), x87),
  row('FLDCW', 'D9 /5', 'm16', fldcw, x87),
  row('FNSTCW', 'D9 /7', 'm16', storeWord('fnstcw'), x87),
  row('FNSTSW', 'DD /7', 'm16', storeWord('fnstsw'), x87),
  row('FNSTSW', 'DF E0', 'ax', storeWord('fnstsw'), x87),
  ...images('FLDENV', 'D9 /4', 'fldenv', 'fpu'),
  ...images('FNSTENV', 'D9 /6', 'fnstenv', 'fpu-nowait'),
  ...images('FRSTOR', 'DD /4', 'frstor', 'fpu'),
  ...images('FNSAVE', 'DD /6', 'fnsave', 'fpu-nowait'),
  ...fxImages('FXSAVE', 'NP 0F AE /0', 'fxsave'),
  ...fxImages('FXRSTOR', 'NP 0F AE /1', 'fxrstor'),
  ...xImages('XSAVE', 'NP 0F AE /4', 'xsave', 0, 'xsave'),
  ...xImages('XRSTOR', 'NP 0F AE /5', 'xrstor', 0, 'xsave'),
  ...xImages('XSAVEOPT', 'NP 0F AE /6', 'xsave', 1, 'xsaveopt'),
  ...xImages('XSAVEC', 'NP 0F C7 /4', 'xsave', 2, 'xsavec'),
  ...xImages('XSAVES', 'NP 0F C7 /5', 'xsave', 3, 'xsaves'),
  ...xImages('XRSTORS', 'NP 0F C7 /3', 'xrstor', 3, 'xsaves'),
];
