import { beforeAll, describe, expect, it } from 'vitest';
import { Hypercall } from '#sdk';
import { type InterpreterIndex, loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { PvhMachine } from '../../runtime/domain/pvh-machine.ts';
import { type Code, halt } from '../support/tiny-guest.ts';
import { callPage, type GuestData, interruptGate, load, pvhGuest, set, store, storeByte, vmcall, vmmcall } from '../support/pvh-guest.ts';

const DATA = 0x150000;
const PAGE_AT = 0x170000;
const IDT = 0x180000;
const HANDLER = 0x140000;
const STACK = 0x190000;
const SELF = 0x7ff0;
const CONSOLE_PAGE = 0xfefff000;
const CONSOLE_PORT = 2;

let interpreter: { module: WebAssembly.Module; index: InterpreterIndex };
beforeAll(async () => {
  interpreter = await loadInterpreter();
});

const text = (words: string): GuestData => ({ address: DATA, bytes: new TextEncoder().encode(words) });
const words = (address: number, ...values: readonly number[]): GuestData => ({ address, bytes: new Uint8Array(Uint32Array.from(values).buffer) });

/** Runs a guest for a moment; what it wrote, how its last slice ended, and the machine. */
function run(code: Code, ...data: readonly GuestData[]) {
  const written: number[] = [];
  const machine = new PvhMachine({
    ...interpreter,
    memoryBytes: 4 << 20,
    clock: 'instructions',
    kernel: pvhGuest(code, ...data),
    kernelName: 'guest',
    commandLine: 'one two',
    consoleWrite: (byte) => written.push(byte),
  });
  let end = machine.slice(10_000);
  for (let i = 0; i < 20 && (end === 'budget' || (end === 'halt' && machine.interruptible)); i++) {
    const next = machine.timers.nextDeadline();
    if (end === 'halt' && !machine.wakes && next !== null) machine.clock.skipTo(next);
    end = machine.slice(10_000);
  }
  return { machine, end, text: new TextDecoder().decode(Uint8Array.from(written)), eax: Number(machine.core.gpr(0)) };
}

const print = (length: number): Code => vmcall(Hypercall.console_io, 0, length, DATA);
/** Shuts down for the reason at DATA + 0x100. */
const shutdown: Code = [...vmcall(Hypercall.sched_op, 2, DATA + 0x100), ...halt];
const reason = (value: number): GuestData => words(DATA + 0x100, value);

describe('a PVH domain', () => {
  it.each([
    [0, 'power-off'],
    [1, 'reset'],
    [3, 'crash'],
    [4, 'watchdog'],
  ])('writes by VMCALL and ends itself for reason %i', (value, expected) => {
    const { end, text: output } = run([...print(5), ...shutdown], text('hello'), reason(value));
    expect([output, end]).toEqual(['hello', expected]);
  });

  it('calls by VMMCALL and through a page that it asks for by MSR', () => {
    const page = [...set('ecx', 0x40000000), ...set('eax', PAGE_AT), ...set('edx', 0), 0x0f, 0x30];
    const code = [
      ...set('esp', STACK),
      ...page,
      ...callPage(PAGE_AT, Hypercall.console_io, 0, 3, DATA),
      ...vmmcall(Hypercall.xen_version, 0),
      ...store(DATA + 0x200),
      ...shutdown,
    ];
    const { machine, end, text: output } = run(code, text('abc'), reason(0));
    expect([output, end, machine.domain.state.ram.view.getUint32(DATA + 0x200, true)]).toEqual(['abc', 'power-off', 0x40011]);
    expect(machine.domain.state.tables.wordBits).toBe(32);
  });

  it('is told of its memory, its command line and its tables', () => {
    const { machine } = run([...halt]);
    const { view, bytes } = machine.domain.state.ram;
    const info = Number(machine.core.gpr(3));
    expect(view.getUint32(info, true)).toBe(0x336ec578);
    const line = Number(view.getBigUint64(info + 24, true));
    expect(new TextDecoder().decode(bytes.subarray(line, line + 8))).toBe('one two\0');
    expect(Number(view.getBigUint64(info + 32, true))).toBe(0xfc008000);
    expect(view.getUint32(info + 48, true)).toBe(5);
  });

  it('sees pages of the hypervisor where its RAM ends, and nothing beside them', () => {
    const add = words(DATA, SELF, 0, 0, 0x17fff);
    const code = [
      ...vmcall(Hypercall.memory_op, 7, DATA),
      ...store(DATA + 0x200),
      ...load(0x17fff900),
      ...store(DATA + 0x204),
      ...load(0x17ffe900),
      ...store(DATA + 0x208),
    ];
    const { machine } = run([...code, ...load(0xfc008000), ...store(DATA + 0x20c), ...load(0x401000), ...store(DATA + 0x210), ...halt], add);
    const at = (offset: number) => machine.domain.state.ram.view.getUint32(DATA + 0x200 + offset, true);
    expect([at(0), at(8), at(16)]).toEqual([0, 0xffffffff, 0xffffffff]);
    expect(new TextDecoder().decode(Uint32Array.of(at(12)))).toBe('RSD ');
    // The wall clock of the 64-bit layout is further on; here is nothing, but there is a page.
    expect(at(4)).toBe(0);
  });

  it('speaks through its console ring', () => {
    const write = [...'Xen'].flatMap((letter, i) => storeByte(CONSOLE_PAGE + 0x400 + i, letter.charCodeAt(0)));
    const code = [...write, ...set('eax', 3), ...store(CONSOLE_PAGE + 0xc0c), ...vmcall(Hypercall.event_channel_op, 4, DATA), ...shutdown];
    const { machine, text: output } = run(code, words(DATA, CONSOLE_PORT), reason(0));
    expect(output).toBe('Xen');
    expect(machine.domain.state.events.isPending(CONSOLE_PORT)).toBe(true);
    machine.console?.send(Uint8Array.of(1));
    expect(machine.console?.room).toBe(1023);
  });

  /** Timer at 1 ms by VIRQ_TIMER, and an upcall whose handler writes and shuts down. */
  const armed = (params: Code): Code => [
    ...set('esp', STACK),
    ...[0x0f, 0x01, 0x1d, ...[0x00, 0x03, 0x15, 0x00]], // lidt [DATA + 0x300]
    ...params,
    ...vmcall(Hypercall.event_channel_op, 1, DATA + 0x340),
    ...vmcall(Hypercall.vcpu_op, 8, 0, DATA + 0x360),
  ];
  const timerData: readonly GuestData[] = [
    text('tick'),
    reason(0),
    words(DATA + 0x300, 0x00007ff | (IDT << 16), IDT >>> 16),
    words(DATA + 0x320, SELF, 0, 0xf3, 2 << 24),
    words(DATA + 0x340, 0, 0, 0),
    words(DATA + 0x360, 1_000_000, 0, 0),
    words(DATA + 0x380, 0, 0xf3),
    { address: IDT + 8 * 0xf3, bytes: interruptGate(HANDLER) },
    { address: HANDLER, bytes: [...print(4), ...shutdown] },
  ];
  const callback = vmcall(Hypercall.hvm_op, 0, DATA + 0x320);

  it('is woken from HLT by its timer, through the callback vector', () => {
    const { machine, end, text: output } = run([...armed(callback), 0xfb, ...halt], ...timerData);
    expect([output, end]).toEqual(['tick', 'power-off']);
    expect(machine.clock.now()).toBeGreaterThanOrEqual(1_000_000);
    expect(machine.domain.state.upcall.isPending(0)).toBe(true);
  });

  it('takes the upcall through its local APIC when it asked for a vector of its own', () => {
    const enableApic = [...set('eax', 0x1ff), ...store(0xfee000f0)];
    const own = vmcall(Hypercall.hvm_op, 23, DATA + 0x380);
    const { machine, end, text: output } = run([...armed([...callback, ...own, ...enableApic]), 0xfb, ...halt], ...timerData);
    expect([output, end]).toEqual(['tick', 'power-off']);
    expect(machine.platform.lapic.hasInterrupt()).toBe(false);
  });

  it('gets an NMI that it sends itself, interrupts on or off', () => {
    const gate = { address: IDT + 8 * 2, bytes: interruptGate(HANDLER) };
    const lidt = [0x0f, 0x01, 0x1d, 0x00, 0x03, 0x15, 0x00];
    const code = [...set('esp', STACK), ...lidt, ...vmcall(Hypercall.vcpu_op, 11, 0, 0), ...halt];
    expect(run(code, ...timerData, gate)).toMatchObject({ text: 'tick', end: 'power-off' });
  });

  it('waits with interrupts off in SCHEDOP_block and SCHEDOP_poll, and goes on behind the call', () => {
    const block = [...armed(callback), ...vmcall(Hypercall.sched_op, 1), ...print(4), ...shutdown];
    expect(run(block, ...timerData)).toMatchObject({ text: 'tick', end: 'power-off' });
    const poll = words(DATA + 0x3c0, DATA + 0x3e0, 1, 2_000_000, 0);
    const polled = [...armed([]), ...vmcall(Hypercall.sched_op, 3, DATA + 0x3c0), ...print(4), ...shutdown];
    expect(run(polled, ...timerData, poll, words(DATA + 0x3e0, 3))).toMatchObject({ text: 'tick', end: 'power-off' });
    const late = run(polled, ...timerData, poll, words(DATA + 0x3e0, 1));
    expect(late).toMatchObject({ text: 'tick', end: 'power-off' });
    expect(late.machine.clock.now()).toBeGreaterThanOrEqual(2_000_000);
  });

  it('is crashed by its watchdog when it does not look after it', () => {
    const { end, machine } = run([...vmcall(Hypercall.sched_op, 6, DATA), 0xfb, ...halt], words(DATA, 0, 2));
    expect(end).toBe('watchdog');
    expect(machine.clock.now()).toBeGreaterThanOrEqual(2e9);
  });

  it('dies alone when it halts for ever', () => {
    const { end, machine } = run([...halt]);
    expect([end, machine.interruptible]).toEqual(['halt', false]);
  });
});
