import type { Row } from '../isa/dsl/row.ts';
import { TABLE } from '../isa/table/index.ts';

/** What the bytes before and at ModRM say, for finding the row. */
export interface OpcodeQuery {
  readonly map: 0 | 1 | 2 | 3;
  readonly opcode: number;
  readonly vex: boolean;
  readonly prefix: string;
  /** ModRM byte or -1. */
  readonly modrm: number;
  readonly operandSize: 16 | 32 | 64;
  readonly rexW: boolean;
  readonly opsizePrefix: boolean;
  readonly code: 16 | 32 | 64;
}

const cells: (Row[] | undefined)[] = [];
const modrmFlags: boolean[] = [];
const cellIndex = (map: number, opcode: number, vex: boolean): number => (((vex ? 4 : 0) + map) << 8) | opcode;

for (const row of TABLE) {
  for (let i = 0; i < (row.plusR ? 8 : 1); i++) {
    const cell = cellIndex(row.map, row.byte + i, row.vex);
    (cells[cell] ??= []).push(row);
    if (row.modrm) modrmFlags[cell] = true;
  }
}

/** Opcodes without a row that still take a ModRM byte, so that lengths and #UD come out right. */
const modrmDefault = (map: number): boolean => map === 2 || map === 3;

/** True when the opcode is followed by a ModRM byte. */
export function needsModrm(map: 0 | 1 | 2 | 3, opcode: number, vex: boolean): boolean {
  return modrmFlags[cellIndex(map, opcode, vex)] ?? (vex || modrmDefault(map));
}

const found = new Map<number, Row | null>();
const PREFIX_CODE: Readonly<Record<string, number>> = { NP: 0, '66': 1, F3: 2, F2: 3 };

/** The row for the bytes, or null: #UD. */
export function findRow(q: OpcodeQuery): Row | null {
  const cell = cellIndex(q.map, q.opcode, q.vex);
  const code = q.code === 16 ? 0 : q.code === 32 ? 1 : 2;
  const size = q.operandSize === 16 ? 0 : q.operandSize === 32 ? 1 : 2;
  const key = ((cell * 257 + q.modrm + 1) * 3 + code) * 48 + (size * 4 + (PREFIX_CODE[q.prefix] as number)) * 4 + (q.opsizePrefix ? 2 : 0) + (q.rexW ? 1 : 0);
  const known = found.get(key);
  if (known !== undefined) return known;
  const row = search(cells[cell] ?? [], q);
  found.set(key, row);
  return row;
}

function search(rows: readonly Row[], q: OpcodeQuery): Row | null {
  let best: Row | null = null;
  for (const row of rows) {
    if (!matches(row, q)) continue;
    if (best === null || rank(row) > rank(best)) best = row;
  }
  return best;
}

/** The more a row asks for, the earlier it is taken. */
function rank(row: Row): number {
  return (row.prefix ? 4 : 0) + (row.rm !== undefined ? 2 : 0) + (row.reg !== undefined ? 1 : 0) + (row.operandSize !== undefined ? 1 : 0) + (row.form !== 'both' ? 1 : 0);
}

function matches(row: Row, q: OpcodeQuery): boolean {
  if (row.modes === 'no64' ? q.code === 64 : row.modes === 'only64' ? q.code !== 64 : false) return false;
  if (row.prefix !== undefined) {
    // a row that asks for 66 or nothing is hidden by F2/F3; CRC32 and such take 66 besides F2
    if (row.prefix === 'NFx' ? q.prefix[0] === 'F' : row.prefix !== q.prefix) return false;
  }
  if (row.modrm) {
    const memory = q.modrm >> 6 !== 3;
    const ignoresMod = row.map === 1 && !row.vex && row.byte >= 0x20 && row.byte <= 0x23;
    if (!ignoresMod && row.form === (memory ? 'register' : 'memory')) return false;
    if (row.reg !== undefined && row.reg !== ((q.modrm >> 3) & 7)) return false;
    if (row.rm !== undefined && row.rm !== (q.modrm & 7)) return false;
  }
  if (row.vex && row.operandSize === undefined && /\.W0/.test(row.opcode) && q.rexW && q.code === 64) return false;
  if (row.operandSize === undefined) return !(/ W0|^W0/.test(row.opcode) && q.rexW);
  return row.operandSize === effectiveSize(row, q);
}

function effectiveSize(row: Row, q: OpcodeQuery): number {
  if (row.vex) return q.rexW ? 64 : 32;
  if (q.code !== 64) return q.operandSize;
  if (row.long === 'force64') return 64;
  if (row.long === '64') return q.operandSize === 16 && !q.rexW ? 16 : 64;
  return q.operandSize;
}
