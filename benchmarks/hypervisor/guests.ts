import { Hypercall } from '#sdk';
import { busyGuest } from '../../runtime/control/demo/busy-guest.ts';
import { type GuestData, interruptGate, load, pvhGuest, set, store, storeByte, vmcall } from '../../tests/support/pvh-guest.ts';
import { type Code, halt } from '../../tests/support/tiny-guest.ts';

const DATA = 0x150000;
const IDT = 0x180000;
const HANDLER = 0x140000;
const STACK = 0x190000;
const SHARED = 0x160000;
const VECTOR = 0xf3;
const CONSOLE_PORT = 2;
const EVTCHNOP_SEND = 4;
const CONSOLEIO_WRITE = 0;
const SCHEDOP_SHUTDOWN = 2;
const ADD_TO_PHYSMAP = 7;
const SET_PARAM = 0;
/** Of the shared info page with the layout of 32-bit guests. */
const SharedInfo = { upcallPending: 0, pendingSel: 4, pending: 0x800 } as const;

const words = (address: number, ...values: readonly number[]): GuestData => ({ address, bytes: new Uint8Array(Uint32Array.from(values).buffer) });

/** Computes for ever. */
export const busy = busyGuest();

/** Writes a letter and switches itself off. */
export const hello = pvhGuest([...vmcall(Hypercall.console_io, CONSOLEIO_WRITE, 1, DATA), ...vmcall(Hypercall.sched_op, SCHEDOP_SHUTDOWN, DATA + 4), ...halt], {
  address: DATA,
  bytes: [0x41, 0, 0, 0, 0, 0, 0, 0],
});

const acknowledge: Code = [
  ...storeByte(SHARED + SharedInfo.upcallPending, 0),
  ...set('eax', 0),
  ...store(SHARED + SharedInfo.pendingSel),
  ...store(SHARED + SharedInfo.pending),
];

/** Where {@link answering} leaves the low half of its time in nanoseconds when an event reaches it. */
export const ANSWERED_AT = DATA + 0x70;

/** Waits in HLT, and answers each event on the port of its console with one. */
export const answering = pvhGuest(
  [
    ...set('esp', STACK),
    ...[0x0f, 0x01, 0x1d, ...[0x00, 0x03, 0x15, 0x00]], // lidt [DATA + 0x300]
    ...vmcall(Hypercall.memory_op, ADD_TO_PHYSMAP, DATA),
    ...vmcall(Hypercall.hvm_op, SET_PARAM, DATA + 0x20),
    ...acknowledge,
    ...vmcall(Hypercall.console_io, CONSOLEIO_WRITE, 1, DATA + 0x60),
    ...[0xfb, 0xf4, 0xeb, 0xfc], // sti; hlt; jmp to the start
  ],
  words(DATA, 0x7ff0, 0, 0, SHARED >>> 12),
  words(DATA + 0x20, 0x7ff0, 0, VECTOR, 2 << 24),
  words(DATA + 0x40, CONSOLE_PORT),
  words(DATA + 0x60, 0x41),
  words(DATA + 0x300, 0x7ff | (IDT << 16), IDT >>> 16),
  { address: IDT + 8 * VECTOR, bytes: interruptGate(HANDLER) },
  {
    address: HANDLER,
    bytes: [0x0f, 0x31, ...store(ANSWERED_AT), ...acknowledge, ...vmcall(Hypercall.event_channel_op, EVTCHNOP_SEND, DATA + 0x40), ...load(DATA), 0xcf],
  },
);
