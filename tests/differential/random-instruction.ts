import type { Row } from '../../jit/isa/dsl/row.ts';
import { CODE, DATA, DATA_PAGES, FS_BASE, GS_BASE, offsetOf, POINTERS, STACK_START } from './address-space.ts';
import { type CodeSize, encodeRow, type MemoryChoice } from './encode-row.ts';
import type { Random } from './random.ts';
import { poolsFor } from './row-pool.ts';

/** Registers that random instructions may write without harm: not the stack pointer, not the pointers. */
const FREE: Readonly<Record<CodeSize, readonly number[]>> = { 16: [0, 1, 2], 32: [0, 1, 2], 64: [0, 1, 2, 8, 9, 10, 11, 12, 13] };
const FREE_BYTES = [0, 1, 2, 4, 5, 6];
const POINTER_NUMBERS: Readonly<Record<CodeSize, readonly number[]>> = { 16: [3, 5, 6, 7], 32: [3, 5, 6, 7], 64: [3, 5, 6, 7, 14, 15] };

/** Bytes of memory that an operand may take. */
const SPAN = 16;

/** An address worth a visit, as a program sees it. */
function randomAddress(random: Random, code: CodeSize): number {
  return offsetOf(code, anyAddress(random));
}

function anyAddress(random: Random): number {
  const window = DATA_PAGES * 4096;
  switch (random.below(20)) {
    case 0:
      return DATA + random.between(1, DATA_PAGES - 1) * 4096 - random.between(1, 15); // across two pages
    case 1:
      return DATA + window + random.between(-8, 4095); // the read-only page
    case 2:
      return random.chance(0.3) ? DATA + window + 4096 + random.between(-8, 100) : DATA + random.below(64); // out of the map
    case 3:
      return random.chance(0.2) ? CODE + random.below(0x4000) : DATA + random.below(window - SPAN);
    case 4:
    case 5:
    case 6:
      return DATA + random.below(window - SPAN);
    case 7:
      return STACK_START + random.between(-64, 64) * 4;
    default:
      return DATA + (random.below(window - SPAN) & ~15);
  }
}

/** Bytes that make an index register small, and the operand that uses it. */
interface MemoryPlan {
  readonly before: readonly number[];
  readonly memory: MemoryChoice;
}

function planMemory(random: Random, code: CodeSize): MemoryPlan {
  const address = randomAddress(random, code);
  const segment = random.chance(0.06) ? random.pick([0x64, 0x65]) : random.chance(0.03) ? random.pick([0x26, 0x2e, 0x36, 0x3e]) : 0;
  const narrow = code === 64 ? random.chance(0.04) : random.chance(code === 16 ? 0.2 : 0.003);
  const common = { index: -1, scale: 0, segment, narrow };
  const shifted = segment === 0x64 ? address - offsetOf(code, FS_BASE) : segment === 0x65 ? address - offsetOf(code, GS_BASE) : address;
  const pointer = random.pick(POINTER_NUMBERS[code]);
  const start = offsetOf(code, POINTERS[pointer] as number);
  if (code === 16 && !narrow) return { before: [], memory: shortMemory(random, shifted, pointer, common) };
  switch (random.below(8)) {
    case 0:
      return { before: [], memory: { ...common, base: -1, displacement: shifted } };
    case 1:
      return { before: [], memory: { ...common, base: -1, displacement: shifted, rip: code === 64 } };
    case 2:
      return { before: [], memory: { ...common, base: 4, displacement: random.between(-16, 16) * 4 } };
    case 3:
    case 4: {
      const index = random.pick([0, 1, 2]);
      const before = [...(code === 16 ? [0x66] : []), 0x83, 0xe0 | index, random.pick([0x7f, 0x1f, 0x70, 0xf0])]; // AND index, imm8
      return {
        before,
        memory: { ...common, base: pointer, index, scale: random.below(4), displacement: random.between(-200, 200), narrow: code === 64 && narrow },
      };
    }
    default:
      return { before: [], memory: { ...common, base: pointer, displacement: shifted - start } };
  }
}

/** An operand with a 16-bit address: alone, through one register or through two. */
function shortMemory(random: Random, address: number, pointer: number, common: Omit<MemoryChoice, 'base' | 'displacement'>): MemoryChoice {
  const start = (register: number): number => offsetOf(16, POINTERS[register] as number);
  if (random.chance(0.2)) return { ...common, base: -1, displacement: address };
  const index = pointer < 6 && random.chance(0.4) ? random.pick([6, 7]) : -1;
  return { ...common, base: pointer, index, displacement: address - start(pointer) - (index < 0 ? 0 : start(index)) };
}

function registerNumber(random: Random, code: CodeSize, byte: boolean, rex: boolean): number {
  if (random.chance(0.02)) return random.below(code === 64 ? 16 : 8);
  if (byte && !rex) return random.pick(FREE_BYTES);
  return random.pick(FREE[code]);
}

/** A random instruction of a row as one or two pieces of bytes, or null when none came out. `at`-relative operands assume the address given. */
function instructionOf(row: Row, random: Random, code: CodeSize, at: number): Uint8Array[] | null {
  const takesMemory = row.modrm && row.form !== 'register' && (row.form === 'memory' || random.chance(0.4));
  const plan = takesMemory ? planMemory(random, code) : null;
  const rex = code === 64 && random.chance(0.2);
  const kind = (pattern: RegExp): string | undefined => row.operands.find((k) => pattern.test(k));
  const vector = (k: string | undefined): boolean => k !== undefined && /^[xq]/.test(k);
  const free = (k: string | undefined): number =>
    vector(k) ? random.below(code === 64 && k?.startsWith('x') ? 16 : 8) : registerNumber(random, code, k?.endsWith('8') ?? false, rex);
  const moffs = row.operands.some((k) => k.startsWith('moffs'));
  const repeat = random.chance(0.01) ? random.pick([0xf2, 0xf3]) : 0;
  const encode = (memory: MemoryChoice | null): Uint8Array | null =>
    encodeRow(
      row,
      {
        reg: free(kind(/^(r\d+|x|q)$/)),
        rm: row.operands.includes('sti') ? random.below(8) : free(kind(/^(rm|o\d|xm|xr|qm|qr)/)),
        vvvv: random.pick(FREE[code]),
        memory,
        immediate: moffs ? BigInt(randomAddress(random, code)) : random.value(),
        lock: row.lock && memory !== null && random.chance(0.2),
        rex,
        repeat,
      },
      code,
    );
  if (plan === null) {
    const bytes = encode(null);
    return bytes && [bytes];
  }
  let { memory } = plan;
  if (memory.rip) {
    // the length decides what RIP is: encode once to learn it
    const trial = encode(memory);
    if (trial === null) return null;
    memory = { ...memory, displacement: memory.displacement - (at + trial.length) };
  }
  const bytes = encode(memory);
  return bytes && (plan.before.length > 0 ? [Uint8Array.from(plan.before), bytes] : [bytes]);
}

/** A random instruction, perhaps after one that prepares a register. */
export function randomInstruction(random: Random, code: CodeSize, evaluable: boolean): Uint8Array[] {
  const pools = poolsFor(code, evaluable);
  const total = pools.reduce((sum, p) => sum + p.weight, 0);
  for (;;) {
    let left = random.below(total);
    const pool = pools.find((p) => (left -= p.weight) < 0) ?? pools[0];
    const made = instructionOf(random.pick(pool?.rows ?? []), random, code, CODE + 0x1000);
    if (made !== null) return made;
  }
}
