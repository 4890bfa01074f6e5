import type { Bus, BusDevice, InterruptLine } from '../../contract/bus-device.ts';
import type { ByteSink, Platform, PlatformOutputs } from '../../contract/platform.ts';
import { FakeTime } from '../backend-guest/fake-time.ts';
import { must } from '../scheduler/measure.ts';

/** A range that a device was mapped into. */
export interface MappedRange {
  /** Where it is. */
  readonly bus: 'ports' | 'mmio';
  /** Where it begins. */
  readonly base: number;
  /** How many addresses it has. */
  readonly length: number;
  /** What answers there. */
  readonly device: BusDevice;
}

/** A platform on which plugins can be tried without a guest: its time stands still until it is moved. */
export class FakePlatform implements Platform {
  /** What has been mapped. */
  readonly ranges: MappedRange[] = [];
  /** Levels of the interrupt lines that were asked for. */
  readonly lines = new Map<number, boolean>();
  /** What was written to the host's outputs and files, by name. */
  readonly written = new Map<string, number[]>();
  /** Exit codes that were asked for. */
  readonly exits: number[] = [];
  /** Its time; moves when it is told to. */
  readonly time = new FakeTime();
  /** Its ports; what is mapped twice is refused. */
  readonly ports: Bus = this.#bus('ports');
  /** Its other addresses. */
  readonly mmio: Bus = this.#bus('mmio');
  /** Shows its time. */
  readonly clock = this.time.clock;
  /** Timers that fire when its time is moved. */
  readonly timers = this.time.timers;
  /** Kept in `written`. */
  readonly outputs: PlatformOutputs = { stdout: this.#sink('stdout'), stderr: this.#sink('stderr'), openFile: (path: string) => this.#sink(path) };

  /** A line whose level is kept in `lines`. */
  interruptLine(irq: number): InterruptLine {
    return { set: (level) => void this.lines.set(irq, level) };
  }

  /** Kept in `exits`. */
  exit(code: number): void {
    this.exits.push(code);
  }

  #bus(bus: 'ports' | 'mmio'): Bus {
    return {
      map: (base, length, device) => {
        const clash = this.ranges.find((range) => range.bus === bus && base < range.base + range.length && range.base < base + length);
        must(clash === undefined, () => `0x${base.toString(16)} of ${bus} is taken`);
        this.ranges.push({ bus, base, length, device });
      },
      unmap: (base) => {
        const at = this.ranges.findIndex((range) => range.bus === bus && range.base === base);
        if (at >= 0) this.ranges.splice(at, 1);
      },
    };
  }

  #sink(name: string): ByteSink {
    return {
      write: (byte) => {
        const bytes = this.written.get(name) ?? [];
        this.written.set(name, bytes);
        bytes.push(byte);
      },
    };
  }
}
