import { type CaseOptions, makeCase, type Selectors, type SystemCase, Template } from './builder.ts';
import { FLAT64, gate, segment } from './descriptors.ts';
import * as L from './layout.ts';

/** The descriptor that cases replace; the next eight bytes are its upper half. */
export const SLOT = 0x100;
/** A second one, for the target of a gate. */
export const TARGET_SLOT = 0x120;
/** Selectors of the default table. */
export const S = {
  code64: 0x08,
  data: 0x10,
  user32: 0x18,
  userData: 0x20,
  user64: 0x28,
  code32: 0x30,
  code16: 0x38,
  tss: 0x40,
  ldt: 0x50,
  user16: 0x60,
  conforming: 0x68,
  userConforming: 0x70,
} as const;

/** The long guest's selectors. */
export const SELECTORS: Selectors = {
  code: { 0: { 64: S.code64, 32: S.code32, 16: S.code16 }, 3: { 64: S.user64 | 3, 32: S.user32 | 3, 16: S.user16 | 3 } },
  data: { 0: S.data, 3: S.userData | 3 },
};

const DESCRIPTORS: readonly (readonly [number, bigint])[] = [
  [S.code64, segment({ type: 0x1b, flags: FLAT64 })],
  [S.data, segment({ type: 0x13 })],
  [S.user32, segment({ type: 0x1b, dpl: 3 })],
  [S.userData, segment({ type: 0x13, dpl: 3 })],
  [S.user64, segment({ type: 0x1b, dpl: 3, flags: FLAT64 })],
  [S.code32, segment({ type: 0x1b })],
  [S.code16, segment({ type: 0x1b, base: L.CODE_PAGE, limit: 0xfff, flags: 0 })],
  [S.tss, segment({ type: 9, base: L.TSS, limit: 0x3ff, flags: 0 })],
  [S.ldt, segment({ type: 2, base: L.LDT, limit: 0x7f, flags: 0 })],
  [S.user16, segment({ type: 0x1b, dpl: 3, base: L.CODE_PAGE, limit: 0xfff, flags: 0 })],
  [S.conforming, segment({ type: 0x1f, flags: FLAT64 })],
  [S.userConforming, segment({ type: 0x1f, dpl: 3, flags: FLAT64 })],
];

const USER_PAGES = new Set([8, 9, 10, 11, 12, 13, 14]);
/** Present, writable, accessed, dirty. */
const PAGE = 0x63;
const USER = 4;

/** Tables, stacks and registers of the long guest. */
export function longTemplate(): Uint8Array {
  const t = new Template();
  for (const [selector, value] of DESCRIPTORS) t.word(L.GDT + selector, value);
  t.word(L.LDT + 8, segment({ type: 0x13, dpl: 3, limit: 0xffff }));
  t.word(L.LDT + 16, segment({ type: 0x1b, dpl: 3, limit: 0xffff, flags: FLAT64 }));
  for (let v = 0; v < L.VECTORS; v++) {
    const dpl = v === 3 || v === 4 || v >= 0x30 ? 3 : 0;
    t.word(L.IDT + v * 16, gate({ type: 14, selector: S.code64, offset: BigInt(L.STUBS + v * 32), dpl, count: v === 8 ? 1 : 0 }));
  }
  for (const [i, top] of [L.RSP0, L.RSP0 - 0x100, L.RSP0 - 0x200].entries()) setDoubleword(t, L.TSS + 4 + i * 8, top);
  setDoubleword(t, L.TSS + 0x24, L.IST1);
  setDoubleword(t, L.TSS + 0x64, 0x680000);
  t.fill(L.TSS + 0x68, 0x398, 0xff);
  t.word(L.ARENA + 0x3000, (L.ARENA + 0x4000) | PAGE | USER);
  t.word(L.ARENA + 0x4000, L.PAGE_DIRECTORY.long | PAGE | USER);
  for (let i = 0; i < 32; i++) t.word(L.PAGE_DIRECTORY.long + i * 8, i === 2 ? L.PAGE_TABLE | PAGE | USER : (i * 0x200000) | PAGE | 0x80);
  t.word(L.PAGE_DIRECTORY.long + 32 * 8, L.ARENA | PAGE | 0x80);
  for (let i = 0; i < 16; i++) t.word(L.PAGE_TABLE + i * 8, (L.ARENA + i * 4096) | PAGE | (USER_PAGES.has(i) ? USER : 0));
  t.fill(L.CODE_PAGE, 4096, 0xcc);
  t.fill(L.SPARE, 4096, 0xcc);
  for (let i = 0; i < 512; i++) t.word(L.DATA + i * 8, 0x0101010101010101n * BigInt(i & 255));
  state(t);
  return t.bytes;
}

function setDoubleword(t: Template, address: number, value: number): void {
  new DataView(t.bytes.buffer).setUint32(address - L.ARENA, value, true);
}

function state(t: Template): void {
  const registers = ['rax', 'rcx', 'rdx', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
  for (const [i, name] of registers.entries()) t.state(name, (i < 6 ? 0x01234567n : 0x0123456789abcdefn) * BigInt(i + 3));
  t.state('rbx', L.DATA + 0x80);
  t.state('rsp', L.STACK0);
  t.state('rip', L.CODE);
  t.state('cs', S.code64);
  t.state('rflags', 2);
  for (const name of ['ss', 'ds', 'es']) t.state(name, S.data);
  for (const name of ['fs', 'gs']) t.state(name, S.userData | 3);
  t.state('vector', 0xff);
  t.state('cr0', 0x80010033);
  t.state('cr3', L.ARENA + 0x3000);
  t.state('cr4', 0x620);
  t.state('dr6', 0xffff0ff0);
  t.state('dr7', 0x400);
  t.state('ldtr', S.ldt);
  t.state('tr', S.tss);
  t.state('efer', 0xd01);
  t.state('star', (BigInt(S.user32 | 3) << 48n) | (BigInt(S.code64) << 32n));
  t.state('lstar', L.TARGET);
  t.state('cstar', L.TARGET + 0x100);
  t.state('sysenterCs', S.code64);
  t.state('sysenterEsp', L.RSP0);
  t.state('sysenterEip', L.TARGET + 0x200);
  t.state('fsBase', L.DATA);
  t.state('gsBase', L.DATA + 0x800);
  t.state('kernelGsBase', L.DATA + 0x400);
  t.state('gdtr', 0x7ffn | (BigInt(L.GDT) << 16n));
  t.state('idtr', BigInt(L.VECTORS * 16 - 1) | (BigInt(L.IDT) << 16n));
}

/** A case of the long guest. */
export function longCase(name: string, options: CaseOptions): SystemCase {
  return makeCase(name, options, SELECTORS, 64);
}
