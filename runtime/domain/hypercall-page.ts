import { Hypercall } from '#sdk';
import { PAGE } from '../memory/guest-ram.ts';

const STUB = 32;
const MOV_EAX = 0xb8;
const VMCALL = [0x0f, 0x01, 0xc1] as const;
const UD2 = [0x0f, 0x0b] as const;
const RET = 0xc3;
const INT3 = 0xcc;

/** A page of stubs, 32 bytes each: `mov eax, number; vmcall; ret`. IRET is for domains without page tables of their own. */
export function hypercallPage(): Uint8Array {
  const page = new Uint8Array(PAGE).fill(INT3);
  for (let number = 0; number < PAGE / STUB; number++) {
    const stub = number === Hypercall.iret ? UD2 : [MOV_EAX, number, 0, 0, 0, ...VMCALL, RET];
    page.set(stub, number * STUB);
  }
  return page;
}
