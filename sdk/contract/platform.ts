import type { Bus, InterruptLine, TimerFactory, VirtualClock } from './bus-device.ts';

/** Takes bytes that a device sends out of the guest. */
export interface ByteSink {
  /** Takes one byte, 0 to 255. */
  write(byte: number): void;
}

/** Where a platform's outputs go on the host. */
export interface PlatformOutputs {
  /** The host's standard output, in order with the guest's console. */
  readonly stdout: ByteSink;
  /** The host's standard error. */
  readonly stderr: ByteSink;
  /**
   * Makes a file, or empties one that exists.
   * @throws HypervisorError `HV_ERR_FILE_WRITE` when that cannot be done.
   */
  openFile(path: string): ByteSink;
}

/**
 * The platform of one guest as devices of plugins see it: buses to be mapped into, time, interrupts, outputs.
 * After a reset of the guest there is a new platform.
 */
export interface Platform {
  /** The 64 Ki I/O ports. */
  readonly ports: Bus;
  /** The physical addresses outside of RAM. */
  readonly mmio: Bus;
  /** Guest time, the only time a device may know. */
  readonly clock: VirtualClock;
  /** Wake-ups at moments of guest time. */
  readonly timers: TimerFactory;
  /** Where bytes for the host go. */
  readonly outputs: PlatformOutputs;
  /** A new line to ISA interrupt `irq`. */
  interruptLine(irq: number): InterruptLine;
  /** Ends the run with an exit code, of which the host sees the low 8 bits. The first call counts. */
  exit(code: number): void;
}
