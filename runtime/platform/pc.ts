import { type BusDevice, HypervisorError, type InterruptLine } from '#sdk';
import { buildAcpiTables, type MemoryBlock } from './acpi-tables.ts';
import { ApicBus, deliveryMode } from './apic/apic-bus.ts';
import { BIOS_DATA_ADDRESS, buildBiosDataArea } from './bios-data-area.ts';
import { createBus } from './bus.ts';
import { pciInterrupt } from './acpi/dsdt.ts';
import { acpiLayout, type E820Entry, e820Map } from './e820.ts';
import { I8042 } from './i8042.ts';
import { Ioapic } from './ioapic.ts';
import { IrqRouter } from './irq-router.ts';
import { Lapic } from './lapic.ts';
import { lapicRegister } from './apic/lapic-registers.ts';
import { apicLayout } from './acpi/madt.ts';
import type { Pc, PcOptions, SerialIndex } from './pc-contract.ts';
import { PciHost } from './pci-host.ts';
import { Pic } from './pic.ts';
import { Pit } from './pit.ts';
import { Pm, pmLayout } from './pm.ts';
import { Port61 } from './port61.ts';
import { Port92 } from './port92.ts';
import { PostPort } from './post-port.ts';
import { ResetControl } from './reset-control.ts';
import { Rtc } from './rtc.ts';
import { SmiCommand } from './smi-command.ts';
import { Uart16550 } from './uart16550.ts';

const PM_TIMER_BITS = 24;
const APIC_PAGE = 0x1000;
const IOAPIC_LENGTH = 0x100;

const SERIAL_PORTS = [
  { base: 0x3f8, irq: 4 },
  { base: 0x2f8, irq: 3 },
  { base: 0x3e8, irq: 4 },
  { base: 0x2e8, irq: 3 },
] as const;

const SVR_ENABLED_FF = 0x1ff;
const LVT_EXTINT = 0x700;
const LVT_NMI = 0x400;

/**
 * What a PC's firmware writes before it loads a system: interrupts at vectors 08h and 70h, all but
 * the cascade masked; counter 0 of the timer as the 18.2 Hz clock, 1 for refresh, 2 for sound.
 */
const firmwareWrites: readonly (readonly [port: number, value: number])[] = [
  [0x20, 0x11],
  [0x21, 0x08],
  [0x21, 0x04],
  [0x21, 0x01],
  [0x21, 0xfb],
  [0xa0, 0x11],
  [0xa1, 0x70],
  [0xa1, 0x02],
  [0xa1, 0x01],
  [0xa1, 0xff],
  [0x43, 0x36],
  [0x40, 0x00],
  [0x40, 0x00],
  [0x43, 0x54],
  [0x41, 0x12],
  [0x43, 0xb6],
  [0x42, 0x00],
  [0x42, 0x00],
];

/** Builds and wires a PC: every device of the platform on the two buses. */
export function createPc(options: PcOptions): Pc {
  return new Board(options);
}

class Board implements Pc {
  readonly ports = createBus('ports');
  readonly mmio = createBus('mmio');
  readonly lapics: readonly Lapic[];
  readonly lapic: Lapic;
  readonly uarts: readonly Uart16550[];
  readonly pci: PciHost;
  readonly rsdpAddress = acpiLayout.pointer;
  readonly e820: readonly E820Entry[];
  activeCpu = 0;
  readonly #options: PcOptions;
  readonly #pic: Pic;
  readonly #ioapic: Ioapic;
  readonly #irqs: IrqRouter;
  readonly #pm: Pm;
  #lapicAddress: number | null = null;
  #fastA20 = false;
  #keyboardA20 = true;
  #a20 = true;
  #nmiLatched = false;
  #nmiMasked = false;

  constructor(options: PcOptions) {
    const { clock, timers } = options;
    this.#options = options;
    this.e820 = e820Map(options.memoryBytes);
    const bus = new ApicBus();
    const processors = options.processors ?? 1;
    this.#pic = new Pic({ output: (level) => this.#picChanged(level) });
    this.#ioapic = new Ioapic({ id: processors, bus, extIntChanged: () => options.interruptChanged(0) });
    this.lapics = Array.from({ length: processors }, (_, id) => this.#createLapic(id, bus));
    this.lapic = this.#lapicOf(0);
    this.#irqs = new IrqRouter({ pic: this.#pic, ioapic: this.#ioapic });
    this.#pm = new Pm({ clock, timers, sci: this.interruptLine(pmLayout.sciIrq), timerBits: PM_TIMER_BITS, powerOff: () => options.powerOff() });
    this.uarts = SERIAL_PORTS.map((port, index) => this.#createUart(port, index));
    this.pci = new PciHost({ resetControl: new ResetControl({ reset: () => options.reset() }) });
    this.#mapTimekeeping();
    this.#mapControllers();
    this.#placeLapic(apicLayout.lapicBase);
    this.mmio.map(apicLayout.ioapicBase, IOAPIC_LENGTH, this.#ioapic);
  }

  hasInterrupt(cpu = 0): boolean {
    return this.#lapicOf(cpu).hasInterrupt() || this.#picReaches(cpu);
  }

  acknowledgeInterrupt(cpu = 0): number {
    return this.#picReaches(cpu) ? this.#pic.acknowledge() : this.#lapicOf(cpu).acknowledgeInterrupt();
  }

  nmiPending(cpu = 0): boolean {
    return this.#lapicOf(cpu).nmiPending;
  }

  acknowledgeNmi(cpu = 0): void {
    this.#lapicOf(cpu).acknowledgeNmi();
  }

  mayRaiseNmi(cpu = 0): boolean {
    return this.nmiPending(cpu) || this.#lapicOf(cpu).lint0Delivers(deliveryMode.nmi) || this.#ioapic.sendsNmi();
  }

  triggerNmi(): void {
    this.#nmiLatched = true;
    this.#passNmi();
  }

  getTpr(cpu = 0): number {
    return this.#lapicOf(cpu).taskPriority;
  }

  setTpr(cr8: number, cpu = 0): void {
    this.#lapicOf(cpu).taskPriority = cr8;
  }

  interruptLine(irq: number): InterruptLine {
    return this.#irqs.createLine(irq);
  }

  pciInterruptLine(slot: number, pin: number): InterruptLine {
    return this.#irqs.createLine(pciInterrupt(slot, pin));
  }

  pressPowerButton(): void {
    this.#pm.pressPowerButton();
  }

  initialiseAsFirmware(): void {
    for (const [port, value] of firmwareWrites) this.ports.write(port, 1, value);
    this.lapic.write(lapicRegister.svr << 4, 4, SVR_ENABLED_FF);
    this.lapic.write(lapicRegister.lvtLint0 << 4, 4, LVT_EXTINT);
    this.lapic.write(lapicRegister.lvtLint1 << 4, 4, LVT_NMI);
  }

  systemTables(): readonly MemoryBlock[] {
    const tables = buildAcpiTables({
      processors: this.lapics.length,
      ioapicId: this.lapics.length,
      timerBits: PM_TIMER_BITS,
      // The legacy probe finds the other two; naming them would make guests share their interrupts.
      serialPorts: SERIAL_PORTS.slice(0, 2),
      layout: acpiLayout,
    });
    const biosData = buildBiosDataArea(SERIAL_PORTS.map((port) => port.base));
    return [{ address: BIOS_DATA_ADDRESS, bytes: biosData }, ...tables];
  }

  #createLapic(id: number, bus: ApicBus): Lapic {
    const options = this.#options;
    return new Lapic({
      id,
      bus,
      clock: options.clock,
      timers: options.timers,
      tscHz: options.tscHz,
      cpu: {
        interruptChanged: () => options.interruptChanged(id),
        init: () => options.init?.(id),
        startup: (vector) => options.startup?.(id, vector),
        baseChanged: (address) => {
          if (id === 0) this.#placeLapic(address);
        },
      },
    });
  }

  #lapicOf(cpu: number): Lapic {
    const lapic = this.lapics[cpu];
    if (lapic === undefined) throw new HypervisorError('HV_ERR_NO_PROCESSOR', `There is no processor ${cpu}: the machine has ${this.lapics.length}.`);
    return lapic;
  }

  #createUart(port: { readonly irq: number; readonly base: number }, index: number): Uart16550 {
    const { clock, timers } = this.#options;
    const serial = serialIndex(index);
    const uart = new Uart16550({ clock, timers, irq: this.interruptLine(port.irq), transmit: (byte) => this.#options.transmit(serial, byte) });
    this.ports.map(port.base, 8, uart);
    return uart;
  }

  #mapTimekeeping(): void {
    const { clock, timers, wallClockMs, memoryBytes } = this.#options;
    const pit = new Pit({ clock, timers, irq: this.interruptLine(0) });
    this.ports.map(0x40, 4, pit);
    this.ports.map(0x61, 1, new Port61({ clock, pit }));
    const nmiMasked = (masked: boolean): void => {
      this.#nmiMasked = masked;
      this.#passNmi();
    };
    this.ports.map(0x70, 2, new Rtc({ clock, timers, irq: this.interruptLine(8), wallClockMs, memoryBytes, nmiMasked }));
    this.ports.map(pmLayout.base, pmLayout.length, this.#pm);
    this.ports.map(pmLayout.smiCommandPort, 2, new SmiCommand(this.#pm));
  }

  #mapControllers(): void {
    const options = this.#options;
    const keyboard = new I8042({
      irq: this.interruptLine(1),
      setA20: (enabled) => {
        this.#keyboardA20 = enabled;
        this.#updateA20();
      },
      reset: () => options.reset(),
    });
    const port92 = new Port92({
      setA20: (enabled) => {
        this.#fastA20 = enabled;
        this.#updateA20();
      },
      reset: () => options.reset(),
    });
    this.ports.map(0x20, 2, this.#pic.master);
    this.ports.map(0xa0, 2, this.#pic.slave);
    this.ports.map(0x4d0, 2, this.#pic.edgeLevelControl);
    this.ports.map(0x60, 1, keyboard.data);
    this.ports.map(0x64, 1, keyboard.command);
    this.ports.map(0x80, 1, new PostPort());
    this.ports.map(0x92, 1, port92);
    this.ports.map(0xcf8, 8, this.pci);
  }

  #passNmi(): void {
    if (!this.#nmiLatched || this.#nmiMasked) return;
    this.#nmiLatched = false;
    for (const lapic of this.lapics) {
      lapic.setLint1(true);
      lapic.setLint1(false);
    }
  }

  /** The two gates are ORed, as in Intel's chipsets. */
  #updateA20(): void {
    const open = this.#fastA20 || this.#keyboardA20;
    if (open === this.#a20) return;
    this.#a20 = open;
    this.#options.setA20(open);
  }

  #picChanged(level: boolean): void {
    this.lapic.setLint0(level);
    this.#ioapic.setPin(0, level);
    if (level) this.#options.interruptChanged(0);
  }

  /** INT of the 8259A pair is wired to the first processor only. */
  #picReaches(cpu: number): boolean {
    return cpu === 0 && this.#pic.hasInterrupt() && (this.lapic.acceptsExtInt() || this.#ioapic.acceptsExtInt());
  }

  #placeLapic(address: number | null): void {
    if (this.#lapicAddress !== null) this.mmio.unmap(this.#lapicAddress);
    this.#lapicAddress = address;
    if (address !== null) this.mmio.map(address, APIC_PAGE, this.#lapicWindow());
  }

  /** All processors see their own APIC at the same address. */
  #lapicWindow(): BusDevice {
    return {
      read: (offset, size) => this.#lapicOf(this.activeCpu).read(offset, size),
      write: (offset, size, value) => this.#lapicOf(this.activeCpu).write(offset, size, value),
    };
  }
}

function serialIndex(index: number): SerialIndex {
  return index === 0 ? 0 : index === 1 ? 1 : index === 2 ? 2 : 3;
}
