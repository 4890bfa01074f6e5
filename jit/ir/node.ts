/** Type of a value in WebAssembly terms. */
export type WasmType = 'i32' | 'i64' | 'v128' | 'f32' | 'f64' | 'none';

/** Width of an integer value in bits; 128 for vectors. 8, 16 and 32-bit values live in an i32, zero-extended. */
export type Width = 8 | 16 | 32 | 64 | 128;

/** Which register file an operand names. */
export type RegisterFile = 'gpr' | 'xmm' | 'mmx' | 'seg';

/** A field of the predecoded record that holds the state address of a register. */
export type RecordField = 'reg' | 'rm' | 'extra';

/**
 * A register operand: a fixed register (translator), or the one a record field names (interpreter).
 * `high` marks AH, CH, DH and BH, whose index is that of AX, CX, DX, BX.
 */
export interface RegisterRef {
  readonly file: RegisterFile;
  readonly index: number | RecordField;
  readonly high?: boolean;
}

/** A memory operand as the decoder saw it, or `'record'` when the predecoded record holds it. */
export interface MemoryRef {
  /** Register number, -1 = none, 16 = RIP. */
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  readonly disp: bigint;
  /** Segment register 0-5. */
  readonly segment: number;
  /** Width of the address in bits. */
  readonly addressWidth: 16 | 32 | 64;
}

/** Groups of arithmetic flags that one operation sets, with what they follow from. */
export type FlagKind = 'add' | 'sub' | 'adc' | 'sbb' | 'logic' | 'inc' | 'dec';

/** The six arithmetic flags. */
export type Flag = 'cf' | 'pf' | 'af' | 'zf' | 'sf' | 'of';

/** Bits of a flag set, as the effect analysis counts them. */
export const FLAG_BIT: Readonly<Record<Flag, number>> = { cf: 1, pf: 2, af: 4, zf: 8, sf: 16, of: 32 };

/** All six arithmetic flags. */
export const ALL_FLAGS = 63;

/**
 * One node of the meaning of an instruction. Pure nodes are values; the others act at their place
 * in the list. `op` is a WebAssembly operation name (`i32.add`) or one of ours, see `Machine`.
 */
export interface Node {
  readonly op: string;
  readonly type: WasmType;
  /** Width of the value in bits, 0 when it has none. */
  readonly width: Width | 0;
  readonly args: readonly Node[];
  /** True when the node has no effect and may be computed anywhere after its arguments. */
  readonly pure: boolean;
  /** Position in the program; counts over nested lists. */
  readonly position: number;
  /** How many nodes use this one. */
  uses: number;
  /** Position of the node where a single-use pure value ends up. */
  sink: number;
  readonly constant?: number | bigint;
  readonly register?: RegisterRef;
  readonly memory?: MemoryRef | 'record';
  /** Operand size of memory accesses in bytes. */
  readonly bytes?: number;
  readonly name?: string;
  readonly lane?: number;
  readonly lanes?: readonly number[];
  readonly flag?: FlagKind;
  readonly flags?: Readonly<Partial<Record<Flag, Node>>>;
  readonly then?: Node[];
  readonly otherwise?: Node[];
  readonly vector?: number;
  /** An address that is stored to. */
  write?: boolean;
  /** The store or load belongs to a read-modify-write of the same operand. */
  modify?: boolean;
  /** The read-modify-write that the load begins is one atomic operation. */
  locked?: boolean;
}
