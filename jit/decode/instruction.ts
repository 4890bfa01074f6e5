import type { InstructionFacts } from '../ir/machine.ts';
import type { Row } from '../isa/dsl/row.ts';

/** A decoded instruction: its row and what its bytes say. */
export interface Instruction {
  readonly row: Row;
  /** Length in bytes. */
  readonly length: number;
  /** Bytes up to the displacement and the immediate: prefixes, opcode, ModRM and SIB. */
  readonly structure: number;
  /** Operands and mode, as the row's meaning wants them. */
  readonly facts: InstructionFacts;
  /** True when ModRM names memory. */
  readonly memory: boolean;
  /** Sign-extended distance of a relative branch from the end of the instruction. */
  readonly relative: bigint;
}

/** Code size and stack size of the code being decoded. */
export interface DecodeMode {
  readonly code: 16 | 32 | 64;
  readonly stack: 16 | 32 | 64;
}
