/** Where everything of a case lies. The guests in `*.asm` know the same numbers. */
export const ARENA = 0x400000;
export const ARENA_BYTES = 0x10000;
export const GDT = ARENA + 0x1000;
export const LDT = ARENA + 0x2000;
export const IDT = ARENA + 0x2800;
export const TSS = ARENA + 0x2c00;
export const PAGE_DIRECTORY = { long: ARENA + 0x5000, protected: ARENA + 0x3000 } as const;
export const PAGE_TABLE = ARENA + 0x6000;
/** Tops of the stacks of privilege 0 code, of interrupts from 3, 2 and 1, and of IST 1. */
export const STACK0 = ARENA + 0x8000;
export const RSP0 = ARENA + 0x7400;
export const IST1 = ARENA + 0x7800;
/** The code of a case begins here, in a user page full of INT3. */
export const CODE_PAGE = ARENA + 0x8000;
export const CODE = CODE_PAGE + 0x100;
/** Where far transfers lead to. */
export const TARGET = CODE_PAGE + 0x800;
/** User data, and the top of the user's stack. */
export const DATA = ARENA + 0x9000;
export const STACK3 = ARENA + 0xb000;
/** Pages for page faults: present, user, writable, full of INT3. */
export const SPARE = ARENA + 0xd000;
/** Handler of vector 0; 32 bytes each. */
export const STUBS = 0x108000;
export const VECTORS = 64;

/** Offsets in the state. */
const GPR = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
const REST = [
  ...['rip', 'cs', 'rflags', 'ss', 'ds', 'es', 'fs', 'gs', 'cr0', 'cr2', 'cr3', 'cr4'],
  ...['dr0', 'dr1', 'dr2', 'dr3', 'dr6', 'dr7', 'ldtr', 'tr', 'vector', 'fpu'],
] as const;
const MSRS = ['efer', 'star', 'lstar', 'cstar', 'fmask', 'sysenterCs', 'sysenterEsp', 'sysenterEip', 'fsBase', 'gsBase', 'kernelGsBase'] as const;
const TABLES = ['gdtr', 'gdtrHigh', 'idtr', 'idtrHigh'] as const;

/** Names of the eight-byte words of the state, by address. */
export const STATE: ReadonlyMap<string, number> = new Map([
  ...[...GPR, ...REST].map((name, i) => [name, ARENA + i * 8] as const),
  ...MSRS.map((name, i) => [name, ARENA + 0x180 + i * 8] as const),
  ...TABLES.map((name, i) => [name, ARENA + 0x200 + i * 8] as const),
]);

const NAMES = new Map([...STATE].map(([name, address]) => [address, name]));

/** A place in the arena as a reader wants it named. */
export function placeName(address: number): string {
  const hex = (base: number): string => (address - base).toString(16);
  const name = NAMES.get(address);
  if (name !== undefined) return name;
  if (address >= GDT && address < LDT) return `gdt+${hex(GDT)}`;
  if (address >= LDT && address < IDT) return `ldt+${hex(LDT)}`;
  if (address >= TSS && address < ARENA + 0x3000) return `tss+${hex(TSS)}`;
  if (address >= ARENA + 0x3000 && address < ARENA + 0x7000) return `tables+${hex(ARENA + 0x3000)}`;
  return address.toString(16);
}
