import { Hypercall } from '#sdk';
import { pvhGuest, set, storeByte, vmcall } from './pvh-guest.ts';
import { type Code, halt } from './tiny-guest.ts';

const SCHEDOP_SHUTDOWN = 2;
const CRASH = 3;
const DATA = 0x150000;
/** Rounds that the guest has made, and the longest that it did not run for, in nanoseconds, since that was last set to 0. */
export const COUNT_AT = DATA;
export const LONGEST_GAP_AT = DATA + 0x40;
const X87_AT = DATA + 0x80;
const REASON_AT = DATA + 0xc0;
/** Of a round, so that rounds take some microseconds. */
const INNER = 2000;

const le32 = (value: number): Code => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];

/**
 * A domain that computes for ever and counts its rounds in memory, in two registers and in the x87 unit. When they differ, because
 * its vCPU was lost, run twice or came back as another, it crashes. It also takes the time from round to round.
 */
export function checkingGuest(): Uint8Array {
  const round: Code = [
    ...[0x0f, 0x31], // rdtsc
    ...[0x89, 0xc1, 0x29, 0xf0, 0x89, 0xce], // mov ecx, eax; sub eax, esi; mov esi, ecx
    ...[0x3b, 0x05, ...le32(LONGEST_GAP_AT), 0x76, 0x05, 0xa3, ...le32(LONGEST_GAP_AT)], // cmp eax, [GAP]; jbe over; mov [GAP], eax
    ...[0xb9, ...le32(INNER), 0x49, 0x75, 0xfd], // mov ecx, INNER; dec ecx; jnz to itself
    ...[0x43, 0x4f, 0xff, 0x05, ...le32(COUNT_AT)], // inc ebx; dec edi; inc dword [COUNT]
    ...[0xd9, 0xe8, 0xde, 0xc1, 0xdb, 0x15, ...le32(X87_AT)], // fld1; faddp; fist dword [X87]
    ...[0x89, 0xda, 0x33, 0x15, ...le32(COUNT_AT)], // mov edx, ebx; xor edx, [COUNT]
    ...[0x89, 0xd8, 0x33, 0x05, ...le32(X87_AT), 0x09, 0xc2], // mov eax, ebx; xor eax, [X87]; or edx, eax
    ...[0x8d, 0x04, 0x3b, 0x09, 0xc2], // lea eax, [ebx + edi]; or edx, eax
  ];
  const again = [0x0f, 0x84, ...le32(-(round.length + 6))]; // jz to the start of the round
  return pvhGuest(
    [
      ...[0xdb, 0xe3, 0xd9, 0xee, 0x31, 0xdb, 0x31, 0xff, 0x0f, 0x31, 0x89, 0xc6], // fninit; fldz; xor ebx, ebx; xor edi, edi; rdtsc; mov esi, eax
      ...round,
      ...again,
      ...storeByte(REASON_AT, CRASH),
      ...set('eax', 0),
      ...vmcall(Hypercall.sched_op, SCHEDOP_SHUTDOWN, REASON_AT),
      ...halt,
    ],
    { address: DATA, bytes: new Uint8Array(0x100) },
  );
}
