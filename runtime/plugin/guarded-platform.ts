import type { Bus, BusDevice, Platform, TapIsolation } from '#sdk';

/**
 * A plugin's own view of a platform: its devices and timers are wrapped, so that one that throws is disabled. The
 * guest then reads ones from it, as from an empty socket.
 */
export function guardPlatform(platform: Platform, plugin: string, isolation: TapIsolation): Platform {
  return {
    ...platform,
    ports: guardBus(platform.ports, 'port', plugin, isolation),
    mmio: guardBus(platform.mmio, 'address', plugin, isolation),
    timers: { create: (fire) => platform.timers.create(() => attempt(isolation, plugin, 'a timer', fire)) },
    interruptLine: (irq) => platform.interruptLine(irq),
    exit: (code) => platform.exit(code),
  };
}

function guardBus(bus: Bus, noun: string, plugin: string, isolation: TapIsolation): Bus {
  return {
    map: (base, length, device) => bus.map(base, length, new PluginDevice(device, { plugin, place: `${noun} 0x${base.toString(16)}`, isolation })),
    unmap: (base) => bus.unmap(base),
  };
}

interface DeviceGuard {
  readonly plugin: string;
  readonly place: string;
  readonly isolation: TapIsolation;
}

/** A device of a plugin on a bus; the name shows in messages about overlaps. */
class PluginDevice implements BusDevice {
  readonly #device: BusDevice;
  readonly #guard: DeviceGuard;

  constructor(device: BusDevice, guard: DeviceGuard) {
    this.#device = device;
    this.#guard = guard;
  }

  read(offset: number, size: 1 | 2 | 4): number {
    const { plugin, place, isolation } = this.#guard;
    const value = attempt(isolation, plugin, `a read of ${place}`, () => this.#device.read(offset, size));
    return value === undefined ? (size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff) : value;
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    const { plugin, place, isolation } = this.#guard;
    attempt(isolation, plugin, `a write of ${place}`, () => this.#device.write(offset, size, value));
  }
}

function attempt<T>(isolation: TapIsolation, plugin: string, what: string, action: () => T): T | undefined {
  if (isolation.isDisabled(plugin)) return undefined;
  try {
    return action();
  } catch (cause) {
    isolation.failed({ plugin, hook: what, cause });
    return undefined;
  }
}
