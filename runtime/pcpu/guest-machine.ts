import type { InterruptLine } from '#sdk';
import type { VcpuCore } from '#jit';
import { pvhLayout } from '../domain/pvh-layout.ts';
import { PvhMachine } from '../domain/pvh-machine.ts';
import type { MachineClock } from '../machine/clock.ts';
import { PcMachine, type SliceEnd } from '../machine/pc-machine.ts';
import type { SystemBus } from '../platform/bus.ts';
import type { TimerQueue } from '../platform/timer-queue.ts';
import type { ByteRing } from './byte-ring.ts';
import type { MachineConfig, PcpuMessage } from './slice-protocol.ts';

/** Input that is given to a serial port at a time; it has to be taken before there is more. */
const INPUT_BATCH = 256;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

/** What surrounds a vCPU, whatever it is, as a pCPU runs it. */
export interface GuestMachine {
  readonly core: VcpuCore;
  readonly clock: MachineClock;
  readonly timers: TimerQueue;
  readonly ports: SystemBus;
  readonly mmio: SystemBus;
  /** Whether something ends a halt now, and whether anything ever can. */
  readonly wakes: boolean;
  readonly interruptible: boolean;
  slice(instructions: number): SliceEnd;
  /** Gives the guest as much of its console's input as it takes. */
  receive(input: ByteRing): void;
  interruptLine(irq: number): InterruptLine;
}

/** Where a machine's output goes. */
export interface MachineOutlets {
  /** Takes a byte of the guest's console. */
  write(byte: number): void;
  /** Tells the main thread. */
  post(message: PcpuMessage): void;
}

/** Builds the machine that a configuration asks for. */
export function createGuestMachine(config: MachineConfig, outlets: MachineOutlets): GuestMachine {
  return config.kind === 'pvh' ? createPvh(config, outlets) : createPc(config, outlets);
}

function createPc(config: MachineConfig, { write }: MachineOutlets): GuestMachine {
  const machine = new PcMachine({ ...config, transmit: write });
  const { core, clock, timers, pc } = machine;
  return {
    core,
    clock,
    timers,
    ports: pc.ports,
    mmio: pc.mmio,
    get wakes() {
      return machine.wakes;
    },
    get interruptible() {
      return machine.interruptible;
    },
    slice: (instructions) => machine.slice(instructions),
    receive: (input) => {
      const uart = pc.uarts[0];
      while (uart !== undefined && !uart.hasWaiting && !input.isEmpty) uart.receive(input.read(INPUT_BATCH));
    },
    interruptLine: (irq) => pc.interruptLine(irq),
  };
}

function createPvh(config: MachineConfig, { write, post }: MachineOutlets): GuestMachine {
  const { name = 'domain', uuid = NO_UUID } = config;
  const machine = new PvhMachine({
    ...config,
    uuid: Uint8Array.from(Buffer.from(uuid.replaceAll('-', ''), 'hex')),
    consoleWrite: write,
    signal: (port) => post({ kind: 'event', port }),
  });
  const { core, clock, timers, platform, handle, store, consolePort } = machine;
  post({ kind: 'domain', news: { handle, store, consolePort, consoleGfn: pvhLayout.consoleGfn, name, uuid } });
  return {
    core,
    clock,
    timers,
    ports: platform.ports,
    mmio: platform.mmio,
    get wakes() {
      return machine.wakes;
    },
    get interruptible() {
      return machine.interruptible;
    },
    slice: (instructions) => machine.slice(instructions),
    receive: (input) => {
      const room = machine.console?.room ?? 0;
      if (room > 0 && !input.isEmpty) machine.console?.send(input.read(room));
    },
    interruptLine: () => machine.interruptLine(),
  };
}
