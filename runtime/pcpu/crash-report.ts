import * as L from '#jit/layout';
import type { VcpuCore } from '#jit';

const REGISTERS = ['RAX', 'RCX', 'RDX', 'RBX', 'RSP', 'RBP', 'RSI', 'RDI', 'R8', 'R9', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15'];
const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDTR', 'TR'];
const VECTORS = [
  '#DE',
  '#DB',
  'NMI',
  '#BP',
  '#OF',
  '#BR',
  '#UD',
  '#NM',
  '#DF',
  '',
  '#TS',
  '#NP',
  '#SS',
  '#GP',
  '#PF',
  '',
  '#MF',
  '#AC',
  '#MC',
  '#XM',
  '#VE',
  '#CP',
];
const VECTOR_PF = 14;
const FAULTS_SHOWN = 4;
const BLOCKS_SHOWN = 16;

/** Registers of a vCPU as lines of text. */
export function formatRegisters(core: VcpuCore): string[] {
  const { view } = core;
  const wide = (at: number): string => hex(view.getBigUint64(at, true), 16);
  const lines: string[] = [];
  for (let i = 0; i < REGISTERS.length; i += 4) {
    lines.push(
      REGISTERS.slice(i, i + 4)
        .map((name, j) => `${name.padEnd(3)} ${hex(core.gpr(i + j), 16)}`)
        .join('  '),
    );
  }
  lines.push(`RIP ${hex(core.rip, 16)}  EFLAGS ${hex(core.exports.getEflags() >>> 0, 8)}  CPL ${view.getUint32(L.CPL, true)}`);
  lines.push(`CR0 ${wide(L.CR0)}  CR2 ${wide(L.CR2)}  CR3 ${wide(L.CR3)}  CR4 ${wide(L.CR4)}  EFER ${wide(L.EFER)}`);
  for (const [i, name] of SEGMENTS.entries()) lines.push(segmentLine(view, L.SEG + i * L.SEG_SIZE, name));
  const table = (name: string, base: number, limit: number): string => `${name} base ${wide(base)} limit ${hex(view.getUint32(limit, true), 4)}`;
  lines.push(table('GDTR', L.GDTR_BASE, L.GDTR_LIMIT), table('IDTR', L.IDTR_BASE, L.IDTR_LIMIT));
  return lines;
}

function segmentLine(view: DataView, at: number, name: string): string {
  const selector = hex(view.getUint32(at + L.SEG_SELECTOR, true), 4);
  const limit = hex(view.getUint32(at + L.SEG_LIMIT, true), 8);
  return `${name.padEnd(4)} ${selector} base ${hex(view.getBigUint64(at + L.SEG_BASE, true), 16)} limit ${limit} rights ${hex(view.getUint32(at + L.SEG_ATTR, true), 8)}`;
}

/** The report about a vCPU that can't go on: why, registers, the code there, and where it was before. */
export function crashReport(core: VcpuCore, reason: string): string[] {
  const faults = core.recorder.lastFaults.slice(-FAULTS_SHOWN);
  const blocks = core.recorder.lastBlocks.slice(-BLOCKS_SHOWN);
  return [
    reason,
    ...formatRegisters(core),
    `code at RIP: ${codeBytes(core)}`,
    ...(faults.length === 0 ? [] : ['last faults, the latest last:']),
    ...faults.map((fault) => {
      const code = fault.error < 0 ? '' : `, error code ${hex(fault.error, 4)}`;
      const address = fault.vector === VECTOR_PF ? `, address ${hex(fault.cr2, 16)}` : '';
      return `  ${vectorName(fault.vector)}${code} at RIP ${hex(fault.rip, 16)}${address}`;
    }),
    'last blocks that the host loop entered, the latest last:',
    ...rowsOf(
      blocks.map((rip) => hex(rip, 16)),
      4,
    ),
  ];
}

/** The reason of a triple fault in words, from the faults that led to it. */
export function tripleFaultReason(core: VcpuCore): string {
  const [first, second, third] = core.recorder.lastFaults.slice(-3).map(({ vector }) => vectorName(vector));
  const chain = third === undefined ? '' : `: ${first}, ${second} while that was delivered, and ${third} while the double fault was delivered`;
  return `the guest ended in a triple fault after ${core.executed} instructions${chain}`;
}

function vectorName(vector: number): string {
  return VECTORS[vector] || `vector ${vector}`;
}

function codeBytes(core: VcpuCore): string {
  const { view } = core;
  const isLong = (view.getUint32(L.CTX, true) & L.MODE_CODE_MASK) === 2;
  const linear = isLong ? core.rip : (core.rip + view.getBigUint64(L.SEG_CS + L.SEG_BASE, true)) & 0xffffffffn;
  const physical = Number(core.exports.translateNoFault(BigInt.asIntN(64, linear)));
  const ramSize = view.getUint32(L.RAM_SIZE, true);
  if (physical < 0 || physical >= ramSize) return 'not in memory';
  const end = Math.min(physical + 16, ramSize, (physical & ~4095) + 4096);
  return [...new Uint8Array(core.ram.buffer, physical, end - physical)].map((byte) => hex(byte, 2)).join(' ');
}

function rowsOf(items: readonly string[], perRow: number): string[] {
  const rows: string[] = [];
  for (let i = 0; i < items.length; i += perRow) rows.push(`  ${items.slice(i, i + perRow).join(' ')}`);
  return rows;
}

function hex(value: bigint | number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
