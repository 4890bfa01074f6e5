import { elf, multibootHeader } from '../unit/runtime/loader/kernel-images.ts';

const BASE = 0x100000;
const HEADER_BYTES = 12;
const PT_LOAD = 1;
const COM1 = 0x3f8;
const PM1_CONTROL = 0x604;
const SLEEP_OFF = 0x2000;

/** Machine code in pieces, as a test writes it down. */
export type Code = readonly number[];

/** Makes a multiboot kernel whose 32-bit code runs from its first byte; interrupts are off. */
export function tinyGuest(...code: readonly Code[]): Uint8Array {
  const bytes = Uint8Array.from([...multibootHeader(0), ...code.flat()]);
  return elf(32, BASE + HEADER_BYTES, [{ type: PT_LOAD, address: BASE, bytes, memorySize: bytes.length + 4096 }]);
}

const le16 = (value: number): Code => [value & 0xff, (value >> 8) & 0xff];
const le32 = (value: number): Code => [...le16(value), ...le16(value >>> 16)];
const setDx = (port: number): Code => [0x66, 0xba, ...le16(port)];

/** OUT of a byte. */
export const out8 = (port: number, value: number): Code => [...setDx(port), 0xb0, value, 0xee];

/** OUT of a word. */
export const out16 = (port: number, value: number): Code => [...setDx(port), 0x66, 0xb8, ...le16(value), 0x66, 0xef];

/** OUT of a doubleword. */
export const out32 = (port: number, value: number): Code => [...setDx(port), 0xb8, ...le32(value), 0xef];

/** Text to COM1, a byte at a time, without asking whether there is room. */
export const print = (text: string): Code => [...new TextEncoder().encode(text)].flatMap((byte) => out8(COM1, byte));

/** Copies what COM1 receives to COM1, for ever. */
export const echo: Code = [
  ...setDx(COM1 + 5),
  ...[0xec, 0xa8, 0x01, 0x74, 0xf7], // wait: in al, dx; test al, 1; jz to the start
  ...setDx(COM1),
  ...[0xec, 0xee, 0xeb, 0xef], // in al, dx; out dx, al; jmp to the start
];

/** Writes `count` times 16 bytes `.` to COM1. */
export const flood = (count: number): Code => [
  ...[0xb9, ...le32(count)], // mov ecx, count
  ...setDx(COM1),
  ...[0xb0, 0x2e], // mov al, '.'
  ...Array.from({ length: 16 }, () => 0xee), // out dx, al
  ...[0x49, 0x75, 0xed], // dec ecx; jnz to the first out
];

/** Loops for ever. */
export const spin: Code = [0xeb, 0xfe];

/** Halts for ever: interrupts are off. */
export const halt: Code = [0xf4, ...spin];

/** Turns the machine off by ACPI. */
export const powerOff: Code = [...out16(PM1_CONTROL, SLEEP_OFF), ...halt];

/** Resets the machine by port CF9h. */
export const reset: Code = [...out8(0xcf9, 0x06), ...halt];

/** An empty IDT and a breakpoint: the fault, the fault of its delivery, and the end. */
export const tripleFault: Code = [0x0f, 0x01, 0x1d, ...le32(0x180000), 0xcc];
