import type { InterruptLine } from '#sdk';
import type { VcpuCore } from '#jit';
import type { MachineClock } from '../machine/clock.ts';
import { PcMachine, type SliceEnd } from '../machine/pc-machine.ts';
import type { SystemBus } from '../platform/bus.ts';
import type { TimerQueue } from '../platform/timer-queue.ts';
import type { ByteRing } from './byte-ring.ts';
import type { MachineConfig } from './slice-protocol.ts';

/** Input that is given to a serial port at a time; it has to be taken before there is more. */
const INPUT_BATCH = 256;

/** A PC as a pCPU runs it to its end. */
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

/** Builds the PC that a configuration asks for; `write` takes bytes of its console. */
export function createGuestMachine(config: MachineConfig, write: (byte: number) => void): GuestMachine {
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
