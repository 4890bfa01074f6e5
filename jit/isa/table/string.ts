import type { Machine } from '../../ir/machine.ts';
import { type Row, row } from '../dsl/row.ts';

/** Number of the string operation in microcode. */
const OPERATIONS = { MOVS: 0, STOS: 1, LODS: 2, SCAS: 3, CMPS: 4, INS: 5, OUTS: 6 } as const;
type StringOperation = keyof typeof OPERATIONS;

const LETTERS = { 8: 'B', 16: 'W', 32: 'D', 64: 'Q' } as const;

/** The whole instruction, repeats included, is one routine. */
const string = (op: StringOperation, size: number) => (m: Machine): void =>
  m.system('stringOp', m.i32(OPERATIONS[op]), m.i32(size / 8), m.addressWidthValue(), m.repeatValue(), m.segmentNumber());

/** The byte form at `opcode`, the others one above it. */
function forms(op: StringOperation, opcode: number): Row[] {
  const hex = (n: number): string => n.toString(16).toUpperCase();
  const port = op === 'INS' || op === 'OUTS';
  return [
    row(`${op}B`, hex(opcode), '', string(op, 8), { size: 8 }),
    ...([16, 32, 64] as const).map((size) => {
      const moved = port && size === 64 ? 32 : size;
      return row(`${op}${LETTERS[moved]}`, hex(opcode + 1), '', string(op, moved), { size: moved, operandSize: size, ...(moved !== size ? { suffix: 'W1' } : {}) });
    }),
  ];
}

/** String instructions. */
export const strings: readonly Row[] = [
  ...forms('INS', 0x6c),
  ...forms('OUTS', 0x6e),
  ...forms('MOVS', 0xa4),
  ...forms('CMPS', 0xa6),
  ...forms('STOS', 0xaa),
  ...forms('LODS', 0xac),
  ...forms('SCAS', 0xae),
];
