import type { Machine } from '../../ir/machine.ts';
import { type Row, row, rowsV } from '../dsl/row.ts';

type Sem = (m: Machine) => void;

/** An instruction that is one routine without operands. */
const alone = (name: string): Sem => (m) => m.system(name);
/** A routine that takes the operand size in bytes. */
const sized = (name: string): Sem => (m) => m.system(name, m.i32(m.size / 8));
/** A routine that takes the memory operand as segment and offset. */
const onMemory = (name: string): Sem => (m) => m.system(name, m.segmentNumber(), m.effectiveAddress(0));
const invalid: Sem = (m) => m.fault(6);

/** Descriptor-table registers: 2 + 2, 4 or 8 bytes; the operand size counts outside 64-bit code only. */
const tableRows = (mnemonic: string, opcode: string, routine: string): Row[] => ([16, 32, 64] as const).map((size) =>
  row(mnemonic, opcode, 'm', (m) => m.system(routine, m.segmentNumber(), m.effectiveAddress(0), m.i32(size / 8)),
    { size, suffix: String(size), ...(size === 64 ? { modes: 'only64', operandSize: 'any' } : { modes: 'no64', operandSize: size }) }));

/** PUSHF, POPF, ENTER: 64 bits by default in 64-bit code. */
const stackRows = (mnemonics: readonly [string, string, string], opcode: string, operands: string, sem: Sem): Row[] =>
  ([16, 32, 64] as const).map((size, i) =>
    row(mnemonics[i] as string, opcode, operands, sem, {
      size, operandSize: size, suffix: String(size), ...(size === 64 ? { long: '64', modes: 'only64' } : size === 32 ? { modes: 'no64' } : {}),
    }));

/** MOV to and from control and debug registers: always 64 bits in 64-bit code, 32 elsewhere. */
const specialMoves = (kind: 'creg' | 'dreg', fromOpcode: string, toOpcode: string, name: string): Row[] =>
  ([['no64', 'rm32', 32], ['only64', 'rm64', 64]] as const).flatMap(([modes, general, size]) => [
    row('MOV', `${fromOpcode} /r reg`, `${general},${kind}`, (m) => m.system(`movFrom${name}`, m.read(1, 32), m.registerNumber(0)), { modes, size, operandSize: 'any' }),
    row('MOV', `${toOpcode} /r reg`, `${kind},${general}`, (m) => m.system(`movTo${name}`, m.read(0, 32), m.registerNumber(1)), { modes, size, operandSize: 'any' }),
  ]);

/** ENTER: the immediate holds the frame size and, above it, the nesting level. */
const enter: Sem = (m) => {
  const both = m.read(0, 32);
  m.system('enter', m.i32(m.size / 8), m.and(both, m.i32(0xffff)), m.shr(both, m.i32(16)));
};

const bound: Sem = (m) => m.system('bound', m.registerNumber(0), m.i32(m.size / 8), m.segmentNumber(), m.effectiveAddress(1));

/** RDFSBASE and its kin. */
const baseRows = (mnemonic: string, group: number, routine: string, segment: number): Row[] => ([32, 64] as const).map((size) =>
  row(mnemonic, `F3 0F AE /${group} reg`, `rm${size}`, (m) => m.system(routine, m.i32(segment), m.registerNumber(0), m.i32(size / 8)),
    { modes: 'only64', feature: 'fsgsbase', size, operandSize: size === 64 ? 64 : 'any' }));

/** RDRAND and RDSEED. */
const randomRows = (mnemonic: string, group: number, routine: string): Row[] =>
  rowsV(mnemonic, `NFx 0F C7 /${group} reg`, 'rmv', (m) => m.system(routine, m.registerNumber(0), m.i32(m.size / 8)), { feature: routine });

const FS = 4;
const GS = 5;

/** Privileged and system instructions that are microcode routines. */
export const system: readonly Row[] = [
  row('CLI', 'FA', '', alone('cli')),
  row('STI', 'FB', '', alone('sti')),
  row('HLT', 'F4', '', alone('hlt')),
  row('CLTS', '0F 06', '', alone('clts')),
  row('INVD', '0F 08', '', alone('invd'), { feature: '486' }),
  row('WBINVD', '0F 09', '', alone('wbinvd'), { feature: '486' }),
  row('WRMSR', '0F 30', '', alone('wrmsrOp'), { feature: 'msr' }),
  row('RDTSC', '0F 31', '', alone('rdtsc'), { feature: 'tsc' }),
  row('RDMSR', '0F 32', '', alone('rdmsrOp'), { feature: 'msr' }),
  row('RDPMC', '0F 33', '', alone('rdpmc')),
  row('CPUID', '0F A2', '', alone('cpuidOp')),
  row('SYSCALL', '0F 05', '', alone('syscall'), { feature: 'syscall' }),
  row('SYSRET', '0F 07', '', (m) => m.system('sysret', m.i32(4)), { feature: 'syscall' }),
  row('SYSRETQ', '0F 07', '', (m) => m.system('sysret', m.i32(8)), { feature: 'syscall', modes: 'only64', operandSize: 64 }),
  row('SYSENTER', '0F 34', '', alone('sysenter'), { feature: 'sep' }),
  row('SYSEXIT', '0F 35', '', (m) => m.system('sysexit', m.i32(4)), { feature: 'sep' }),
  row('SYSEXITQ', '0F 35', '', (m) => m.system('sysexit', m.i32(8)), { feature: 'sep', modes: 'only64', operandSize: 64 }),
  row('VMCALL', 'NP 0F 01 C1', '', alone('hypercall')),
  row('MONITOR', 'NP 0F 01 C8', '', (m) => m.system('monitor', m.segmentNumber(), m.zeroExtend(m.gpr(0, m.facts.addressWidth), 64)), { feature: 'monitor' }),
  row('MWAIT', 'NP 0F 01 C9', '', alone('mwait'), { feature: 'monitor' }),
  row('CLAC', 'NP 0F 01 CA', '', alone('clac'), { feature: 'smap' }),
  row('STAC', 'NP 0F 01 CB', '', alone('stac'), { feature: 'smap' }),
  row('XGETBV', 'NP 0F 01 D0', '', alone('xgetbv'), { feature: 'xsave' }),
  row('XSETBV', 'NP 0F 01 D1', '', alone('xsetbv'), { feature: 'xsave' }),
  row('VMMCALL', 'NFx 0F 01 D9', '', alone('hypercall')),
  row('SWAPGS', '0F 01 F8', '', alone('swapgs'), { modes: 'only64' }),
  row('RDTSCP', '0F 01 F9', '', alone('rdtscp'), { feature: 'rdtscp' }),
  ...tableRows('SGDT', '0F 01 /0', 'sgdt'),
  ...tableRows('SIDT', '0F 01 /1', 'sidt'),
  ...tableRows('LGDT', '0F 01 /2', 'lgdt'),
  ...tableRows('LIDT', '0F 01 /3', 'lidt'),
  row('INVLPG', '0F 01 /7', 'm', onMemory('invlpg'), { size: 8, feature: '486' }),
  ...([['no64', 'r32', 32], ['only64', 'r64', 64]] as const).map(([modes, register, size]) =>
    row('INVPCID', '66 0F 38 82 /r', `${register},m128`, (m) => m.system('invpcid', m.registerNumber(0), m.segmentNumber(), m.effectiveAddress(1)),
      { modes, size, operandSize: 'any', feature: 'invpcid' })),
  ...specialMoves('creg', '0F 20', '0F 22', 'Cr'),
  ...specialMoves('dreg', '0F 21', '0F 23', 'Dr'),
  ...stackRows(['PUSHF', 'PUSHFD', 'PUSHFQ'], '9C', '', sized('pushf')),
  ...stackRows(['POPF', 'POPFD', 'POPFQ'], '9D', '', sized('popf')),
  ...stackRows(['ENTER', 'ENTER', 'ENTER'], 'C8', 'imm16_8', enter),
  row('PUSHA', '60', '', sized('pusha'), { modes: 'no64', operandSize: 16, size: 16 }),
  row('PUSHAD', '60', '', sized('pusha'), { modes: 'no64', operandSize: 32, size: 32 }),
  row('POPA', '61', '', sized('popa'), { modes: 'no64', operandSize: 16, size: 16 }),
  row('POPAD', '61', '', sized('popa'), { modes: 'no64', operandSize: 32, size: 32 }),
  ...rowsV('BOUND', '62 /r', 'rv,m', bound, { modes: 'no64' }),
  ...baseRows('RDFSBASE', 0, 'readSegmentBase', FS),
  ...baseRows('RDGSBASE', 1, 'readSegmentBase', GS),
  ...baseRows('WRFSBASE', 2, 'writeSegmentBase', FS),
  ...baseRows('WRGSBASE', 3, 'writeSegmentBase', GS),
  ...randomRows('RDRAND', 6, 'rdrand'),
  ...randomRows('RDSEED', 7, 'rdseed'),
  row('RDPID', 'F3 0F C7 /7 reg', 'rm32', (m) => m.system('rdpid', m.registerNumber(0)), { modes: 'no64', operandSize: 'any', feature: 'rdpid' }),
  row('RDPID', 'F3 0F C7 /7 reg', 'rm64', (m) => m.system('rdpid', m.registerNumber(0)), { modes: 'only64', operandSize: 'any', feature: 'rdpid' }),
  row('UD2', '0F 0B', '', invalid),
  ...rowsV('UD1', '0F B9 /r', 'rv,rmv', invalid),
  ...rowsV('UD0', '0F FF /r', 'rv,rmv', invalid),
];
