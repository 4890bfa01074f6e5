import type { InterruptLine, VirtualClock } from '#sdk';
import type { MemoryBlock } from './acpi-tables.ts';
import type { SystemBus } from './bus.ts';
import type { E820Entry } from './e820.ts';
import type { Lapic } from './lapic.ts';
import type { PciHost } from './pci-host.ts';
import type { QueuedTimerFactory } from './timer-queue.ts';
import type { Uart16550 } from './uart16550.ts';

/** Number of a serial port: 0 is COM1. */
export type SerialIndex = 0 | 1 | 2 | 3;

/** What a PC needs from whoever runs its processors. */
export interface PcOptions {
  readonly clock: VirtualClock;
  readonly timers: QueuedTimerFactory;
  /** Guest RAM; whole pages, at least 2 MiB. */
  readonly memoryBytes: number;
  /** Rate of the time-stamp counter against the virtual clock. */
  readonly tscHz: number;
  /** Time of day at the present moment of the virtual clock, in milliseconds since 1970. */
  readonly wallClockMs: number;
  /** Number of processors, 1 when left out. */
  readonly processors?: number;
  /** Takes a byte that the guest sent on a serial port. */
  transmit(port: SerialIndex, byte: number): void;
  /** The guest switched itself off. */
  powerOff(): void;
  /** The guest reset the machine. */
  reset(): void;
  /** Address line 20 was opened or closed; it is open at the start. */
  setA20(enabled: boolean): void;
  /** `hasInterrupt` or `nmiPending` may have become true for processor `cpu`. */
  interruptChanged(cpu: number): void;
  /** Processor `cpu` got an INIT. */
  init?(cpu: number): void;
  /** Processor `cpu` got a start-up IPI: real mode at `vector` * 4096. */
  startup?(cpu: number, vector: number): void;
}

/** A PC without its processors. */
export interface Pc {
  readonly ports: SystemBus;
  readonly mmio: SystemBus;
  /** The first processor's local APIC: `lapics[0]`. */
  readonly lapic: Lapic;
  readonly lapics: readonly Lapic[];
  readonly uarts: readonly Uart16550[];
  readonly pci: PciHost;
  /** The processor whose local APIC the MMIO bus shows; set it before its accesses. */
  activeCpu: number;
  /** Whether a maskable interrupt wants delivery. */
  hasInterrupt(cpu?: number): boolean;
  /** Acknowledges the interrupt and returns its vector. */
  acknowledgeInterrupt(cpu?: number): number;
  /** Whether a non-maskable interrupt wants delivery. */
  nmiPending(cpu?: number): boolean;
  /** Takes the non-maskable interrupt. */
  acknowledgeNmi(cpu?: number): void;
  /** Whether a non-maskable interrupt waits, or a device's interrupt would be one: a halt without IF may end. */
  mayRaiseNmi(cpu?: number): boolean;
  /** Pulses the board's NMI line, at LINT1 of every processor; while port 70h masks it, when it no longer does. */
  triggerNmi(): void;
  /** CR8 of a processor. */
  getTpr(cpu?: number): number;
  /** Writes CR8 of a processor. */
  setTpr(cr8: number, cpu?: number): void;
  /** A new line to ISA interrupt `irq`. */
  interruptLine(irq: number): InterruptLine;
  /** A new line for `pin` (0 is INTA) of the PCI function in `slot`. */
  pciInterruptLine(slot: number, pin: number): InterruptLine;
  /** A short press of the power button. */
  pressPowerButton(): void;
  /** Puts the interrupt controllers and the timer into the state that a PC's firmware leaves. */
  initialiseAsFirmware(): void;
  /** What the firmware would have put into memory: ACPI tables and the BIOS data area. */
  systemTables(): readonly MemoryBlock[];
  /** Address of the ACPI root pointer in `systemTables`. */
  readonly rsdpAddress: number;
  /** The memory map that goes with them. */
  readonly e820: readonly E820Entry[];
}
