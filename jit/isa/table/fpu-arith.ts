import { type Row, row } from '../dsl/row.ts';
import { compareToFlags, fromMemory, onRegister, plain, toRegister, toTop } from './fpu-semantics.ts';

const x87 = { feature: 'x87', operandSize: 'any' } as const;
const hex = (n: number): string => n.toString(16).toUpperCase();

/** ModRM.reg of the operation in D8, DA, DC and DE; the register forms of DC and DE swap the reversed ones. */
const ARITHMETIC: readonly (readonly [string, number, number])[] = [
  ['ADD', 0, 0], ['MUL', 1, 1], ['SUB', 4, 5], ['SUBR', 5, 4], ['DIV', 6, 7], ['DIVR', 7, 6],
];

const arithmetic = ([name, reg, regSwapped]: (typeof ARITHMETIC)[number]): Row[] => {
  const f = `f${name.toLowerCase()}`;
  const fi = `fi${name.toLowerCase()}`;
  return [
    row(`F${name}`, `D8 /${reg}`, 'm32', fromMemory(`${f}_m32`), x87),
    row(`F${name}`, `DC /${reg}`, 'm64', fromMemory(`${f}_m64`), x87),
    row(`F${name}`, `D8 ${hex(0xc0 + 8 * reg)}+i`, 'sti', toTop(f), { ...x87, suffix: 'st0' }),
    row(`F${name}`, `DC ${hex(0xc0 + 8 * regSwapped)}+i`, 'sti', toRegister(f), { ...x87, suffix: 'sti' }),
    row(`F${name}P`, `DE ${hex(0xc0 + 8 * regSwapped)}+i`, 'sti', onRegister(`${f}p`), x87),
    row(`FI${name}`, `DE /${reg}`, 'm16', fromMemory(`${fi}_m16`), x87),
    row(`FI${name}`, `DA /${reg}`, 'm32', fromMemory(`${fi}_m32`), x87),
  ];
};

/** D9 E0 to D9 FF, what is not a constant or control. */
const UNARY: readonly (readonly [string, number])[] = [
  ['FCHS', 0xe0], ['FABS', 0xe1], ['FTST', 0xe4], ['FXAM', 0xe5], ['F2XM1', 0xf0], ['FYL2X', 0xf1], ['FPTAN', 0xf2], ['FPATAN', 0xf3],
  ['FXTRACT', 0xf4], ['FPREM1', 0xf5], ['FPREM', 0xf8], ['FYL2XP1', 0xf9], ['FSQRT', 0xfa], ['FSINCOS', 0xfb], ['FRNDINT', 0xfc],
  ['FSCALE', 0xfd], ['FSIN', 0xfe], ['FCOS', 0xff],
];

/** x87 arithmetic, compares and transcendentals. */
export const fpuArith: readonly Row[] = [
  ...ARITHMETIC.flatMap(arithmetic),
  ...UNARY.map(([name, byte]) => row(name, `D9 ${hex(byte)}`, '', plain(name.toLowerCase()), x87)),
  row('FCOM', 'D8 /2', 'm32', fromMemory('fcom_m32'), x87),
  row('FCOM', 'DC /2', 'm64', fromMemory('fcom_m64'), x87),
  row('FCOM', 'D8 D0+i', 'sti', onRegister('fcom'), x87),
  row('FCOM', 'DC D0+i', 'sti', onRegister('fcom'), { ...x87, suffix: 'DC_D0' }),
  row('FCOMP', 'D8 /3', 'm32', fromMemory('fcomp_m32'), x87),
  row('FCOMP', 'DC /3', 'm64', fromMemory('fcomp_m64'), x87),
  row('FCOMP', 'D8 D8+i', 'sti', onRegister('fcomp'), x87),
  row('FCOMP', 'DC D8+i', 'sti', onRegister('fcomp'), { ...x87, suffix: 'DC_D8' }),
  row('FCOMP', 'DE D0+i', 'sti', onRegister('fcomp'), { ...x87, suffix: 'DE_D0' }),
  row('FCOMPP', 'DE D9', '', plain('fcompp'), x87),
  row('FUCOM', 'DD E0+i', 'sti', onRegister('fucom'), x87),
  row('FUCOMP', 'DD E8+i', 'sti', onRegister('fucomp'), x87),
  row('FUCOMPP', 'DA E9', '', plain('fucompp'), x87),
  row('FICOM', 'DE /2', 'm16', fromMemory('ficom_m16'), x87),
  row('FICOM', 'DA /2', 'm32', fromMemory('ficom_m32'), x87),
  row('FICOMP', 'DE /3', 'm16', fromMemory('ficomp_m16'), x87),
  row('FICOMP', 'DA /3', 'm32', fromMemory('ficomp_m32'), x87),
  row('FCOMI', 'DB F0+i', 'sti', compareToFlags('fcomi'), { ...x87, feature: 'cmov' }),
  row('FCOMIP', 'DF F0+i', 'sti', compareToFlags('fcomip'), { ...x87, feature: 'cmov' }),
  row('FUCOMI', 'DB E8+i', 'sti', compareToFlags('fucomi'), { ...x87, feature: 'cmov' }),
  row('FUCOMIP', 'DF E8+i', 'sti', compareToFlags('fucomip'), { ...x87, feature: 'cmov' }),
];
