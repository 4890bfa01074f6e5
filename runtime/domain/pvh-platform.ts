import type { BusDevice, VirtualClock } from '#sdk';
import type { Movable, StateWords } from '../machine/state-words.ts';
import { ApicBus, type ApicTarget, deliveryMode } from '../platform/apic/apic-bus.ts';
import { apicLayout } from '../platform/acpi/madt.ts';
import { createBus } from '../platform/bus.ts';
import { Lapic } from '../platform/lapic.ts';
import type { QueuedTimerFactory } from '../platform/timer-queue.ts';
import { pvhPowerPorts, pvhPowerValues } from './pvh-acpi.ts';
import { apicIdOf } from './pvh-layout.ts';

const APIC_PAGE = 0x1000;

/** What the platform of a PVH domain needs. */
export interface PvhPlatformParts {
  readonly clock: VirtualClock;
  readonly timers: QueuedTimerFactory;
  readonly tscHz: number;
  readonly vcpu: number;
  /** An interrupt or NMI may now want delivery. */
  interruptChanged(): void;
  /** INIT and start-up messages reached the vCPU. */
  init(): void;
  startup(vector: number): void;
  /** What messages find the local APIC by has changed. */
  apicChanged(): void;
  /** The guest switched itself off, or reset itself, by ACPI's registers. */
  powerOff(): void;
  reset(): void;
}

/** Registers of the fixed power hardware: nothing is ever pending, but what is written to enable it can be read back. */
function enableRegisters(statusBytes: number): BusDevice & Movable {
  let enabled = 0;
  return {
    read: (offset) => (offset < statusBytes ? 0 : enabled >>> (8 * (offset - statusBytes))),
    write: (offset, _size, value) => {
      if (offset === statusBytes) enabled = value & (2 ** (8 * statusBytes) - 1);
    },
    save: (into) => into.put(enabled),
    load: (from) => {
      enabled = from.get();
    },
  };
}

const SCI_ENABLED = 1;
const SLEEP_ENABLE = 1 << 13;
const SLEEP_TYPE_SHIFT = 10;

/** The control register: always in ACPI mode, and one sleep that nobody wakes from. */
function controlRegister(powerOff: () => void): BusDevice {
  return {
    read: (offset) => (offset === 0 ? SCI_ENABLED : 0),
    write: (offset, size, value) => {
      if (offset !== 0 || size !== 2 || (value & SLEEP_ENABLE) === 0) return;
      if (((value >> SLEEP_TYPE_SHIFT) & 7) === pvhPowerValues.softOffType) powerOff();
    },
  };
}

/** All the hardware of a PVH domain: a local APIC. Guests of plugins' devices find the two buses. */
export class PvhPlatform implements Movable {
  readonly ports = createBus('ports');
  readonly mmio = createBus('mmio');
  readonly lapic: Lapic;
  readonly #power = [enableRegisters(pvhPowerPorts.eventBytes / 2), enableRegisters(pvhPowerPorts.gpeBytes / 2)] as const;
  readonly #bus = new ApicBus();
  #lapicAddress: number | null = null;

  constructor({ clock, timers, tscHz, vcpu, interruptChanged, init, startup, apicChanged, powerOff, reset }: PvhPlatformParts) {
    const power = pvhPowerPorts;
    this.ports.map(power.event, power.eventBytes, this.#power[0]);
    this.ports.map(power.control, power.controlBytes, controlRegister(powerOff));
    this.ports.map(power.reset, 1, { read: () => 0, write: (_offset, _size, value) => void (value === pvhPowerValues.reset && reset()) });
    this.ports.map(power.gpe, power.gpeBytes, this.#power[1]);
    this.lapic = new Lapic({
      id: apicIdOf(vcpu),
      bus: this.#bus,
      clock,
      timers,
      tscHz,
      cpu: { interruptChanged, init, startup, addressChanged: apicChanged, baseChanged: (address) => this.#placeLapic(address) },
    });
    this.#placeLapic(apicLayout.lapicBase);
  }

  save(into: StateWords): void {
    for (const part of [...this.#power, this.lapic]) part.save(into);
  }

  load(from: StateWords): void {
    for (const part of [...this.#power, this.lapic]) part.load(from);
  }

  /** Adds the local APIC of a vCPU on another thread. */
  addRemote(target: ApicTarget): void {
    this.#bus.addTarget(target);
  }

  /** An INIT or start-up message of another vCPU. */
  message(mode: number, vector: number): void {
    this.lapic.receive({ mode, vector, level: false, destination: 0, logical: false, wide: false });
  }

  /** An edge-triggered interrupt at the local APIC. */
  interrupt(vector: number): void {
    this.lapic.receive({ mode: deliveryMode.fixed, vector, level: false, destination: 0, logical: false, wide: false });
  }

  /** An NMI at the local APIC. */
  nmi(): void {
    this.lapic.receive({ mode: deliveryMode.nmi, vector: 0, level: false, destination: 0, logical: false, wide: false });
  }

  #placeLapic(address: number | null): void {
    if (address === this.#lapicAddress) return;
    if (this.#lapicAddress !== null) this.mmio.unmap(this.#lapicAddress);
    this.#lapicAddress = address;
    if (address !== null) this.mmio.map(address, APIC_PAGE, this.lapic);
  }
}
