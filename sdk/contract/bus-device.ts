/** Width of one bus access, in bytes. Wider MMIO accesses are split by the bus. */
export type AccessSize = 1 | 2 | 4;

/**
 * A device on the port or memory bus. It never learns where it is mapped: it gets offsets from the
 * start of its range only, so the same object serves ports and MMIO.
 */
export interface BusDevice {
  /** Reads `size` bytes at `offset`; the result is an unsigned number below 2^(8*size). */
  read(offset: number, size: AccessSize): number;
  /** Writes the low `size` bytes of `value` at `offset`. */
  write(offset: number, size: AccessSize, value: number): void;
}

/** A range of port or memory addresses that devices are mapped into. */
export interface Bus {
  /**
   * Maps `device` at `base` for `length` addresses.
   * @throws HypervisorError `HV_ERR_BUS_OVERLAP` when a part of the range is taken.
   */
  map(base: number, length: number, device: BusDevice): void;
  /** Removes whatever was mapped at `base`. */
  unmap(base: number): void;
}

/** A level-triggered wire from a device to an interrupt controller. */
export interface InterruptLine {
  /** Raises (`true`) or lowers (`false`) the line; setting the same level twice is harmless. */
  set(level: boolean): void;
}

/** Guest time in nanoseconds since the guest was created; the only clock a device may read. */
export interface VirtualClock {
  /** Nanoseconds of guest time, monotonic, below 2^53. */
  now(): number;
}

/** A one-shot callback at a moment of guest time. */
export interface Timer {
  /** Arms (or re-arms) the timer for the guest time `atNs`; fires at or shortly after it. */
  arm(atNs: number): void;
  /** Disarms the timer; harmless when it is not armed. */
  cancel(): void;
}

/** Makes timers that fire in order of their guest time. */
export interface TimerFactory {
  /** Makes a disarmed timer that calls `fire` when its moment has come. */
  create(fire: () => void): Timer;
}
