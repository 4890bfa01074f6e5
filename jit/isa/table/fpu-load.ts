import { type Row, row } from '../dsl/row.ts';
import type { Machine, Value } from '../../ir/machine.ts';
import { conditionalMove, fromMemory, fromMemory80, onRegister, plain, toMemory, toMemory80 } from './fpu-semantics.ts';

const x87 = { feature: 'x87', operandSize: 'any' } as const;

const below = (m: Machine): Value => m.flag('cf');
const equal = (m: Machine): Value => m.flag('zf');
const belowOrEqual = (m: Machine): Value => m.or(m.flag('cf'), m.flag('zf'));
const unordered = (m: Machine): Value => m.flag('pf');
const not = (condition: (m: Machine) => Value) => (m: Machine): Value => m.isZero(condition(m));

const MOVES: readonly (readonly [string, string, (m: Machine) => Value])[] = [
  ['FCMOVB', 'DA C0+i', below], ['FCMOVE', 'DA C8+i', equal], ['FCMOVBE', 'DA D0+i', belowOrEqual], ['FCMOVU', 'DA D8+i', unordered],
  ['FCMOVNB', 'DB C0+i', not(below)], ['FCMOVNE', 'DB C8+i', not(equal)], ['FCMOVNBE', 'DB D0+i', not(belowOrEqual)], ['FCMOVNU', 'DB D8+i', not(unordered)],
];

const CONSTANTS = ['FLD1', 'FLDL2T', 'FLDL2E', 'FLDPI', 'FLDLG2', 'FLDLN2', 'FLDZ'] as const;

/** x87 loads, stores, exchanges, conditional moves and constants. */
export const fpuLoads: readonly Row[] = [
  row('FLD', 'D9 /0', 'm32', fromMemory('fld_m32'), x87),
  row('FLD', 'DD /0', 'm64', fromMemory('fld_m64'), x87),
  row('FLD', 'DB /5', 'm80', fromMemory80('fld_m80'), x87),
  row('FLD', 'D9 C0+i', 'sti', onRegister('fld_sti'), x87),
  row('FILD', 'DF /0', 'm16', fromMemory('fild_m16'), x87),
  row('FILD', 'DB /0', 'm32', fromMemory('fild_m32'), x87),
  row('FILD', 'DF /5', 'm64', fromMemory('fild_m64'), x87),
  row('FBLD', 'DF /4', 'm80', fromMemory80('fbld'), x87),
  row('FST', 'D9 /2', 'm32', toMemory('fst_m32', false), x87),
  row('FST', 'DD /2', 'm64', toMemory('fst_m64', false), x87),
  row('FST', 'DD D0+i', 'sti', onRegister('fst_sti'), x87),
  row('FSTP', 'D9 /3', 'm32', toMemory('fst_m32', true), x87),
  row('FSTP', 'DD /3', 'm64', toMemory('fst_m64', true), x87),
  row('FSTP', 'DB /7', 'm80', toMemory80('fst_m80'), x87),
  row('FSTP', 'DD D8+i', 'sti', onRegister('fstp_sti'), x87),
  row('FSTPNCE', 'D9 D8+i', 'sti', onRegister('fstp_sti'), x87),
  row('FSTP', 'DF D0+i', 'sti', onRegister('fstp_sti'), { ...x87, suffix: 'DF_D0' }),
  row('FSTP', 'DF D8+i', 'sti', onRegister('fstp_sti'), { ...x87, suffix: 'DF_D8' }),
  row('FIST', 'DF /2', 'm16', toMemory('fist_m16', false), x87),
  row('FIST', 'DB /2', 'm32', toMemory('fist_m32', false), x87),
  row('FISTP', 'DF /3', 'm16', toMemory('fist_m16', true), x87),
  row('FISTP', 'DB /3', 'm32', toMemory('fist_m32', true), x87),
  row('FISTP', 'DF /7', 'm64', toMemory('fist_m64', true), x87),
  row('FISTTP', 'DF /1', 'm16', toMemory('fisttp_m16', true), { ...x87, feature: 'sse3' }),
  row('FISTTP', 'DB /1', 'm32', toMemory('fisttp_m32', true), { ...x87, feature: 'sse3' }),
  row('FISTTP', 'DD /1', 'm64', toMemory('fisttp_m64', true), { ...x87, feature: 'sse3' }),
  row('FBSTP', 'DF /6', 'm80', toMemory80('fbst'), x87),
  row('FXCH', 'D9 C8+i', 'sti', onRegister('fxch'), x87),
  row('FXCH', 'DD C8+i', 'sti', onRegister('fxch'), { ...x87, suffix: 'DD_C8' }),
  row('FXCH', 'DF C8+i', 'sti', onRegister('fxch'), { ...x87, suffix: 'DF_C8' }),
  ...MOVES.map(([name, opcode, condition]) => row(name, opcode, 'sti', conditionalMove(condition), { ...x87, feature: 'cmov' })),
  ...CONSTANTS.map((name, i) => row(name, `D9 ${(0xe8 + i).toString(16).toUpperCase()}`, '', plain(name.toLowerCase()), x87)),
];
