import { type CaseOptions, makeCase, type Selectors, type SystemCase, Template } from './builder.ts';
import { gate, segment } from './descriptors.ts';
import * as L from './layout.ts';

/** The descriptor that cases replace, and a second one for the target of a gate. */
export const SLOT = 0x100;
export const TARGET_SLOT = 0x120;
/** Selectors of the default table. */
export const S = {
  code: 0x08,
  data: 0x10,
  userCode: 0x18,
  userData: 0x20,
  code16: 0x30,
  userCode16: 0x38,
  tss: 0x40,
  ldt: 0x50,
  conforming: 0x60,
  otherTss: 0x68,
} as const;
/** Another TSS, that of a task that runs at the target in ring 0. */
export const OTHER_TSS = L.ARENA + 0x2d00;

/** The protected guest's selectors. */
export const SELECTORS: Selectors = {
  code: { 0: { 32: S.code, 16: S.code16 }, 3: { 32: S.userCode | 3, 16: S.userCode16 | 3 } },
  data: { 0: S.data, 3: S.userData | 3 },
};

const DESCRIPTORS: readonly (readonly [number, bigint])[] = [
  [S.code, segment({ type: 0x1b })],
  [S.data, segment({ type: 0x13 })],
  [S.userCode, segment({ type: 0x1b, dpl: 3 })],
  [S.userData, segment({ type: 0x13, dpl: 3 })],
  [S.code16, segment({ type: 0x1b, base: L.CODE_PAGE, limit: 0xffff, flags: 0 })],
  [S.userCode16, segment({ type: 0x1b, dpl: 3, base: L.CODE_PAGE, limit: 0xffff, flags: 0 })],
  [S.tss, segment({ type: 9, base: L.TSS, limit: 0x67, flags: 0 })],
  [S.ldt, segment({ type: 2, base: L.LDT, limit: 0x7f, flags: 0 })],
  [S.conforming, segment({ type: 0x1f })],
  [S.otherTss, segment({ type: 9, base: OTHER_TSS, limit: 0x67, flags: 0 })],
];

const USER_PAGES = new Set([8, 9, 10, 11, 12, 13, 14]);
/** Present, writable, accessed, dirty. */
const PAGE = 0x63;
const USER = 4;
const LARGE = 0x80;

/** Tables, stacks and registers of the protected guest. */
export function protectedTemplate(): Uint8Array {
  const t = new Template();
  const view = new DataView(t.bytes.buffer);
  const doubleword = (address: number, value: number): void => view.setUint32(address - L.ARENA, value, true);
  for (const [selector, value] of DESCRIPTORS) t.word(L.GDT + selector, value);
  t.word(L.LDT + 8, segment({ type: 0x13, dpl: 3, limit: 0xffff }));
  t.word(L.LDT + 16, segment({ type: 0x1b, dpl: 3, limit: 0xffff }));
  for (let v = 0; v < L.VECTORS; v++)
    t.word(L.IDT + v * 8, gate({ type: 14, selector: S.code, offset: BigInt(L.STUBS + v * 32), dpl: v === 3 || v === 4 || v >= 0x30 ? 3 : 0 }));
  for (const [i, top] of [L.RSP0, L.RSP0 - 0x100, L.RSP0 - 0x200].entries()) {
    doubleword(L.TSS + 4 + i * 8, top);
    doubleword(L.TSS + 8 + i * 8, S.data | i);
  }
  for (const [offset, value] of [
    [4, L.RSP0],
    [8, S.data],
    [0x1c, L.PAGE_DIRECTORY.protected],
    [0x20, L.TARGET],
    [0x24, 2],
    [0x28, 0x1234],
    [0x38, L.STACK0 - 0x100],
    [0x48, S.data],
    [0x4c, S.code],
    [0x50, S.data],
    [0x54, S.data],
    [0x60, S.ldt],
  ] as const)
    doubleword(OTHER_TSS + offset, value);
  doubleword(L.TSS + 0x64, 0x680000);
  doubleword(L.TSS + 0x1c, L.PAGE_DIRECTORY.protected);
  const directory = L.PAGE_DIRECTORY.protected;
  for (let i = 0; i < 16; i++) doubleword(directory + i * 4, i === 1 ? L.PAGE_TABLE | PAGE | USER : (i * 0x400000) | PAGE | LARGE);
  doubleword(directory + 16 * 4, L.ARENA | PAGE | LARGE);
  for (let i = 0; i < 16; i++) doubleword(L.PAGE_TABLE + i * 4, (L.ARENA + i * 4096) | PAGE | (USER_PAGES.has(i) ? USER : 0));
  t.fill(L.CODE_PAGE, 4096, 0xcc);
  t.fill(L.SPARE, 4096, 0xcc);
  for (let i = 0; i < 512; i++) t.word(L.DATA + i * 8, 0x0101010101010101n * BigInt(i & 255));
  state(t);
  return t.bytes;
}

function state(t: Template): void {
  for (const [i, name] of ['rax', 'rcx', 'rdx', 'rbp', 'rsi', 'rdi'].entries()) t.state(name, 0x01234567n * BigInt(i + 3));
  t.state('rbx', L.DATA + 0x80);
  t.state('rsp', L.STACK0);
  t.state('rip', L.CODE);
  t.state('cs', S.code);
  t.state('rflags', 2);
  t.state('vector', 0xff);
  for (const name of ['ss', 'ds', 'es']) t.state(name, S.data);
  t.state('cr0', 0x80010033);
  t.state('cr3', L.PAGE_DIRECTORY.protected);
  t.state('cr4', 0x610);
  t.state('dr6', 0xffff0ff0);
  t.state('dr7', 0x400);
  t.state('ldtr', S.ldt);
  t.state('tr', S.tss);
  t.state('sysenterCs', S.code);
  t.state('sysenterEsp', L.RSP0);
  t.state('sysenterEip', L.TARGET + 0x200);
  t.state('gdtr', 0x7ffn | (BigInt(L.GDT) << 16n));
  t.state('idtr', BigInt(L.VECTORS * 8 - 1) | (BigInt(L.IDT) << 16n));
}

/** A case of the protected guest. */
export function protectedCase(name: string, options: CaseOptions): SystemCase {
  return makeCase(name, options, SELECTORS, 32);
}
