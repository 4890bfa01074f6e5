import { TABLE } from '../../jit/isa/table/index.ts';
import { encodeRow } from './encode-row.ts';
import type { Random } from './random.ts';

/** Where the tables of a hostile guest lie in its RAM. */
export const PLACES = { gdt: 0x1000, idt: 0x2000, tss: 0x3000, ldt: 0x4000, code: 0x10000, stack: 0x38000, tables: 0x40000 } as const;
/** Bytes of code, pages of page tables, entries of the descriptor tables. */
export const CODE_BYTES = 0x3000;
const TABLE_PAGES = 16;
export const DESCRIPTORS = 32;

/** Guest RAM of a hostile guest; what lies above it in the WebAssembly memory is out of bounds. */
export const RAM_BYTES = 2 << 20;

const SYSTEM = TABLE.filter(
  (row) =>
    row.operands.length <= 2 &&
    /^(MOV_(creg|dreg|sreg)|L[GIL]DT|LTR|LMSW|INVLPG|IRET|RETF|CALL_|JMP_|INT|POPF|SYS|WRMSR|RDMSR|CLI|STI|HLT|POP_|L[DEFGS]S|XRSTOR|FXRSTOR|XSETBV|SWAPGS|INVPCID|IN_|OUT_|INS|OUTS|MOVS|STOS|CMPS|SCAS|LODS|ENTER|BOUND|PUSH|MWAIT|CLTS|LAR|LSL|VER|ARPL|CMPXCHG)/.test(
      row.id,
    ),
);

/** An address that is likely to mean something. */
export function someAddress(random: Random): bigint {
  switch (random.below(8)) {
    case 0:
      return random.value();
    case 1:
      return BigInt(
        random.pick([RAM_BYTES, RAM_BYTES - 4096, 0xa0000, 0xbffff, 0xc0000, 0xfee00000, 0xfec00000, 0xfffff000, 0x100000]) + random.between(-16, 16),
      );
    case 2:
      return BigInt(PLACES.code + random.below(CODE_BYTES));
    case 3:
      return BigInt(random.pick([PLACES.gdt, PLACES.idt, PLACES.tss, PLACES.ldt, PLACES.tables]) + random.below(0x800));
    case 4:
      return BigInt(random.below(0x100000) & ~4095) + BigInt(random.between(-8, 8) & 0xfff);
    default:
      return BigInt(random.below(RAM_BYTES));
  }
}

/** Random instructions and random bytes. */
function writeCode(ram: Uint8Array, random: Random): void {
  for (let at: number = PLACES.code; at < PLACES.code + CODE_BYTES; ) {
    if (random.chance(0.2)) {
      ram[at++] = random.bits();
      continue;
    }
    const row = random.pick(random.chance(0.35) ? SYSTEM : TABLE);
    const takesMemory = row.modrm && row.form !== 'register' && (row.form === 'memory' || random.chance(0.5));
    const code = random.chance(0.5) ? 64 : 32;
    const most = code === 64 ? 16 : 8;
    const bytes = encodeRow(
      row,
      {
        reg: random.below(most),
        rm: random.below(most),
        vvvv: random.below(most),
        immediate: random.chance(0.3) ? BigInt(random.between(-8, 8)) : random.value(),
        lock: random.chance(0.02),
        rex: random.chance(0.1),
        repeat: random.chance(0.1) ? random.pick([0xf2, 0xf3]) : 0,
        memory: takesMemory
          ? {
              base: random.chance(0.3) ? -1 : random.below(most),
              index: random.chance(0.8) ? -1 : random.pick([0, 1, 2, 3, 5, 6, 7]),
              scale: random.below(4),
              displacement: Number(BigInt.asIntN(32, someAddress(random))),
              segment: random.chance(0.1) ? random.pick([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]) : 0,
              narrow: random.chance(0.1),
            }
          : null,
      },
      code,
    );
    if (bytes === null) continue;
    ram.set(bytes, at);
    at += bytes.length;
  }
}

/** A descriptor of any kind: mostly present and usable. */
function descriptor(random: Random): bigint {
  if (random.chance(0.05)) return (BigInt(random.bits()) << 32n) | BigInt(random.bits());
  const type = random.pick([0x9b, 0x9b, 0x93, 0x93, 0xfb, 0xf3, 0x9f, 0x97, 0x98, 0x89, 0x8b, 0x82, 0x81, 0x85, 0x8c, 0x84, 0xec, random.below(256)]);
  const base = random.chance(0.5) ? 0 : Number(BigInt.asUintN(32, someAddress(random)));
  const limit = random.chance(0.5) ? 0xfffff : random.below(0x100000);
  const flags = random.pick([0xc, 0xc, 0x4, 0x0, 0xa, 0x2, random.below(16)]);
  const low = BigInt(limit & 0xffff) | (BigInt(base & 0xffffff) << 16n);
  return low | (BigInt(type) << 40n) | (BigInt(limit >>> 16) << 48n) | (BigInt(flags) << 52n) | (BigInt(base >>> 24) << 56n);
}

/** Descriptors that work, from selector 8 on: code, data, 64-bit code, 16-bit code, user code and data, TSS, LDT. */
const WORKING: readonly bigint[] = [
  0x00cf9b000000ffffn,
  0x00cf93000000ffffn,
  0x00af9b000000ffffn,
  0x000f9b000000ffffn,
  0x00cffb000000ffffn,
  0x00cff3000000ffffn,
  0x0000890030000067n,
  0n,
  0x0000820040000077n,
  0n,
  0x00affb000000ffffn,
];

/** A gate that leads into the code, to a task, or anywhere. */
function gate(random: Random, long: boolean): bigint {
  if (random.chance(0.03)) return (BigInt(random.bits()) << 32n) | BigInt(random.bits());
  const offset = BigInt(PLACES.code + random.below(CODE_BYTES));
  if (random.chance(0.85))
    return (offset & 0xffffn) | (long ? 0x180000n : 0x80000n) | (BigInt(random.pick([0x8e, 0xee, 0x8f])) << 40n) | ((offset >> 16n) << 48n);
  const selector = BigInt((random.below(DESCRIPTORS) << 3) | (random.chance(0.2) ? random.below(8) : 0));
  const rights = BigInt(random.pick([0x8e, 0x8e, 0x8f, 0xee, 0x86, 0x87, 0x85, 0x8c, 0xe5, random.below(256)]));
  return (offset & 0xffffn) | (selector << 16n) | (BigInt(random.below(8)) << 32n) | (rights << 40n) | ((offset >> 16n) << 48n);
}

/** An entry of a page table that may be anything: the next table, or a page; `wide` entries have 64 bits. */
function wildEntry(random: Random, index: number, leaf: boolean, wide: boolean): bigint {
  const flags = random.chance(0.85) ? 0x67n : BigInt(random.below(0x200));
  const large = !leaf && random.chance(0.1) ? 0x80n : 0n;
  const frame =
    leaf || large !== 0n
      ? random.chance(0.75)
        ? index & 0x1ff
        : Number((someAddress(random) >> 12n) & 0xfffffn)
      : (PLACES.tables >> 12) + random.below(TABLE_PAGES);
  const reserved = wide && random.chance(0.05) ? 1n << BigInt(random.between(40, 63)) : 0n;
  return (BigInt(frame) << (large !== 0n ? 21n : 12n)) | flags | large | reserved;
}

/** An entry that does what it should, nearly always. */
function pageEntry(random: Random, index: number, leaf: boolean, wide: boolean): bigint {
  if (random.chance(0.02)) return wildEntry(random, index, leaf, wide);
  return leaf ? BigInt(index << 12) | 0x67n : BigInt(PLACES.tables + TABLE_PAGES * 2048 + (index % 4) * 4096) | 0x67n;
}

/** Tables that map RAM to itself, for the most part: the upper levels in the first half of the pages, page tables in the second. */
function writePageTables(view: DataView, random: Random, wide: boolean): void {
  const wild = random.chance(0.15);
  for (let page = 0; page < TABLE_PAGES; page++) {
    const leaf = page >= TABLE_PAGES / 2;
    for (let i = 0; i < (wide ? 512 : 1024); i++) {
      let entry = wild ? wildEntry(random, i, leaf, wide) : pageEntry(random, i, leaf, wide);
      // the first levels of the walk of low addresses lead down the pages one by one
      if (!leaf && !wild && i < 4 && page % 3 < 2 && wide) entry = BigInt(PLACES.tables + (page + 1) * 4096) | 0x67n;
      if (wide) view.setBigUint64(PLACES.tables + page * 4096 + i * 8, entry, true);
      else view.setUint32(PLACES.tables + page * 4096 + i * 4, Number(BigInt.asUintN(32, entry)), true);
    }
  }
}

/** Fills the guest's RAM: code, descriptor tables, a TSS, page tables, noise. */
export function writeHostileMemory(ram: Uint8Array, random: Random, wide: boolean, long: boolean): void {
  const view = new DataView(ram.buffer);
  ram.fill(0, 0, RAM_BYTES);
  const words = new Uint32Array(ram.buffer, 0, 0x10000);
  for (let i = 0; i < words.length; i++) words[i] = random.chance(0.3) ? random.bits() : 0;
  if (random.chance(0.7)) for (let v = 0; v < 256; v++) view.setUint32(v * 4, random.below(CODE_BYTES) | ((PLACES.code >> 4) << 16), true);
  for (let i = 1; i < DESCRIPTORS; i++)
    view.setBigUint64(PLACES.gdt + i * 8, i <= WORKING.length && random.chance(0.97) ? (WORKING[i - 1] as bigint) : descriptor(random), true);
  for (let i = 0; i < 16; i++) view.setBigUint64(PLACES.ldt + i * 8, random.chance(0.7) ? descriptor(random) : gate(random, long), true);
  for (let i = 0; i < 512; i++)
    view.setBigUint64(PLACES.idt + i * 8, long && i & 1 ? BigInt(random.chance(0.97) ? 0 : random.bits()) : gate(random, long), true);
  const orderly = random.chance(0.8);
  for (let i = 0; i < 26; i++) view.setUint32(PLACES.tss + i * 4, random.chance(0.5) ? PLACES.stack - random.below(0x1000) : random.below(0x100), true);
  // stacks for the rings: ESP and SS in pairs, or RSP0 to RSP2 and the interrupt stacks
  if (orderly) for (let i = 1; i < 26; i++) view.setUint32(PLACES.tss + i * 4, i & 1 ? PLACES.stack - i * 0x100 : long ? 0 : 0x10, true);
  writePageTables(view, random, wide);
  writeCode(ram, random);
}
