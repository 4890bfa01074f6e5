import { type AccessSize, type Bus, type BusDevice, HypervisorError } from '#sdk';

const PORTS = 0x10000;
/** Physical addresses have at most 52 bits, so that every one of them is an exact number. */
const MMIO_END = 2 ** 52;

interface Range {
  readonly base: number;
  readonly end: number;
  readonly device: BusDevice;
}

/** A bus that the CPU side can read and write. */
export interface SystemBus extends Bus {
  /** Reads `size` bytes; where nothing is mapped, every bit reads 1. */
  read(address: number, size: AccessSize): number;
  /** Writes `size` bytes; where nothing is mapped, nothing happens. */
  write(address: number, size: AccessSize, value: number): void;
}

/** Makes an empty bus: 64 Ki ports, or the physical address space. */
export function createBus(kind: 'ports' | 'mmio'): SystemBus {
  return kind === 'ports' ? new PortBus() : new MmioBus();
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

abstract class RangeBus implements SystemBus {
  /** In order of their base. */
  protected readonly ranges: Range[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  protected abstract find(address: number): Range | undefined;
  protected abstract changed(): void;

  map(base: number, length: number, device: BusDevice): void {
    const end = base + length;
    if (!Number.isSafeInteger(base) || base < 0 || !(length > 0) || end > this.#limit)
      throw new HypervisorError('HV_ERR_BUS_RANGE', `A device can't be mapped at ${hex(base)}, ${length} bytes long: the bus ends at ${hex(this.#limit)}.`);
    const taken = this.ranges.find((range) => base < range.end && range.base < end);
    if (taken !== undefined)
      throw new HypervisorError(
        'HV_ERR_BUS_OVERLAP',
        `${device.constructor.name} can't be mapped at ${hex(base)}: ${taken.device.constructor.name} has ${hex(taken.base)} to ${hex(taken.end - 1)}.`,
      );
    this.ranges.push({ base, end, device });
    this.ranges.sort((a, b) => a.base - b.base);
    this.changed();
  }

  unmap(base: number): void {
    const index = this.ranges.findIndex((range) => range.base === base);
    if (index < 0) return;
    this.ranges.splice(index, 1);
    this.changed();
  }

  read(address: number, size: AccessSize): number {
    const range = this.find(address);
    if (range !== undefined && address + size <= range.end) {
      try {
        return range.device.read(address - range.base, size);
      } catch (cause) {
        throw deviceFailure(range, 'a read', cause);
      }
    }
    if (size === 1) return 0xff;
    // An access over the edge of a device is one access per byte, as on a narrow bus.
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.read(address + i, 1) << (8 * i);
    return value >>> 0;
  }

  write(address: number, size: AccessSize, value: number): void {
    const range = this.find(address);
    if (range !== undefined && address + size <= range.end) {
      try {
        range.device.write(address - range.base, size, value);
      } catch (cause) {
        throw deviceFailure(range, 'a write', cause);
      }
      return;
    }
    if (size === 1) return;
    for (let i = 0; i < size; i++) this.write(address + i, 1, (value >>> (8 * i)) & 0xff);
  }
}

function deviceFailure(range: Range, what: string, cause: unknown): HypervisorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HypervisorError('HV_ERR_DEVICE_FAILED', `${range.device.constructor.name} at ${hex(range.base)} failed on ${what}: ${reason}`, { cause });
}

/** One table entry per port: a port access is warm in every guest that has no other devices. */
class PortBus extends RangeBus {
  readonly #slots = new Uint16Array(PORTS);

  constructor() {
    super(PORTS);
  }

  protected find(address: number): Range | undefined {
    return this.ranges[(this.#slots[address & 0xffff] ?? 0) - 1];
  }

  protected changed(): void {
    this.#slots.fill(0);
    this.ranges.forEach((range, index) => this.#slots.fill(index + 1, range.base, range.end));
  }
}

class MmioBus extends RangeBus {
  #last: Range | undefined;

  constructor() {
    super(MMIO_END);
  }

  protected find(address: number): Range | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.base && address < last.end) return last;
    let low = 0;
    let high = this.ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = this.ranges[middle];
      if (range === undefined) break;
      if (address < range.base) high = middle - 1;
      else if (address >= range.end) low = middle + 1;
      else {
        this.#last = range;
        return range;
      }
    }
    return undefined;
  }

  protected changed(): void {
    this.#last = undefined;
  }
}
