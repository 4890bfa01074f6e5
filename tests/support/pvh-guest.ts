import { elf, pvhNote } from '../unit/runtime/loader/kernel-images.ts';
import type { Code } from './tiny-guest.ts';

const BASE = 0x100000;
const PT_LOAD = 1;
const PT_NOTE = 4;

const le32 = (value: number): Code => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];

/** A place of a guest's memory that is filled when it starts. */
export interface GuestData {
  readonly address: number;
  readonly bytes: Iterable<number>;
}

/** Makes a PVH kernel whose 32-bit code runs from its first byte at 1 MiB; interrupts are off. */
export function pvhGuest(code: Code, ...data: readonly GuestData[]): Uint8Array {
  const parts = [{ address: BASE, bytes: code }, ...data].map(({ address, bytes: content }) => {
    const bytes = Uint8Array.from(content);
    return { type: PT_LOAD, address, bytes, memorySize: bytes.length };
  });
  return elf(32, BASE, [...parts, { type: PT_NOTE, bytes: pvhNote(BASE) }]);
}

/** MOV of a constant to EAX, EBX, ECX or EDX. */
export const set = (register: 'eax' | 'ebx' | 'ecx' | 'edx' | 'esp', value: number): Code => [
  { eax: 0xb8, ecx: 0xb9, edx: 0xba, ebx: 0xbb, esp: 0xbc }[register],
  ...le32(value),
];

const call = (instruction: Code, number: number, args: readonly number[]): Code => [
  ...(['ebx', 'ecx', 'edx'] as const).flatMap((register, i) => (args[i] === undefined ? [] : set(register, args[i]))),
  ...set('eax', number),
  ...instruction,
];

/** A hypercall by VMCALL. */
export const vmcall = (number: number, ...args: readonly number[]): Code => call([0x0f, 0x01, 0xc1], number, args);

/** A hypercall by VMMCALL. */
export const vmmcall = (number: number, ...args: readonly number[]): Code => call([0x0f, 0x01, 0xd9], number, args);

/** A hypercall through the stub of a hypercall page. */
export const callPage = (page: number, number: number, ...args: readonly number[]): Code => [
  ...call([], number, args).slice(0, -5),
  ...set('eax', page + 32 * number),
  ...[0xff, 0xd0],
];

/** MOV of EAX to memory, and of memory to EAX. */
export const store = (address: number): Code => [0xa3, ...le32(address)];
export const load = (address: number): Code => [0xa1, ...le32(address)];
/** MOV of a constant byte to memory. */
export const storeByte = (address: number, value: number): Code => [0xc6, 0x05, ...le32(address), value];

/** A gate of an IDT in 32-bit code, with the code segment of the boot protocol. */
export const interruptGate = (handler: number): Code => [handler & 0xff, (handler >> 8) & 0xff, 0x10, 0, 0, 0x8e, (handler >> 16) & 0xff, handler >>> 24];
