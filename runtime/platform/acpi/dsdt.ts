import { type Aml, aml, resource } from './aml.ts';
import { DEVICE_HOLE_BASE } from '../e820.ts';
import { pmLayout } from '../pm.ts';

/** The ISA interrupts that INTA to INTD of the PCI slots go to, in turn. */
export const PCI_INTERRUPTS = [10, 11] as const;

const PCI_SLOTS = 32;
const PCI_PINS = 4;
const DEVICE_HOLE_LAST = 0xfebf_ffff;

/** A serial port for the description. */
export interface SerialResource {
  readonly base: number;
  readonly irq: number;
}

/** The ISA interrupt of a PCI slot's pin (0 is INTA). */
export function pciInterrupt(slot: number, pin: number): number {
  return PCI_INTERRUPTS[(slot + pin) % 2 === 0 ? 0 : 1];
}

function serialPort(port: SerialResource, index: number): Aml {
  return aml.device(`COM${index + 1}`, [
    aml.name('_HID', aml.eisaId('PNP0501')),
    aml.name('_UID', aml.integer(index + 1)),
    aml.name('_STA', aml.integer(0x0f)),
    aml.name('_CRS', aml.resources([resource.io(port.base, 8), resource.irq(port.irq)])),
  ]);
}

function fixedDevice(name: string, id: string, resources: readonly Aml[]): Aml {
  return aml.device(name, [aml.name('_HID', aml.eisaId(id)), aml.name('_CRS', aml.resources(resources))]);
}

function interruptRoutes(): Aml {
  const routes: Aml[] = [];
  for (let slot = 1; slot < PCI_SLOTS; slot++) {
    for (let pin = 0; pin < PCI_PINS; pin++) {
      const address = aml.integer(((slot << 16) | 0xffff) >>> 0);
      routes.push(aml.package([address, aml.integer(pin), aml.integer(0), aml.integer(pciInterrupt(slot, pin))]));
    }
  }
  return aml.package(routes);
}

function hostBridge(devices: readonly Aml[]): Aml {
  return aml.device('PCI0', [
    aml.name('_HID', aml.eisaId('PNP0A03')),
    aml.name('_BBN', aml.integer(0)),
    aml.name('_UID', aml.integer(0)),
    aml.name(
      '_CRS',
      aml.resources([
        resource.buses(0, 255),
        resource.io(0xcf8, 8),
        resource.ioWindow(0x0000, 0x0cf7),
        resource.ioWindow(0x0d00, 0xffff),
        resource.memoryWindow(0x000a_0000, 0x000b_ffff),
        resource.memoryWindow(DEVICE_HOLE_BASE, DEVICE_HOLE_LAST),
      ]),
    ),
    aml.name('_PRT', interruptRoutes()),
    ...devices,
  ]);
}

/** Builds the definition block of the board: soft off, the host bridge, and the ISA devices. */
export function buildDsdtAml(serialPorts: readonly SerialResource[]): Uint8Array {
  const softOff = aml.integer(pmLayout.softOffType);
  const devices = [
    ...serialPorts.map(serialPort),
    fixedDevice('RTC_', 'PNP0B00', [resource.io(0x70, 2), resource.irq(8)]),
    fixedDevice('KBD_', 'PNP0303', [resource.io(0x60, 1), resource.io(0x64, 1), resource.irq(1)]),
    fixedDevice('SYSR', 'PNP0C02', [resource.io(pmLayout.base, pmLayout.length), resource.io(pmLayout.smiCommandPort, 2)]),
  ];
  const none = aml.integer(0);
  return Uint8Array.from([...aml.name('\\_S5', aml.package([softOff, softOff, none, none])), ...aml.scope('\\_SB', [hostBridge(devices)])]);
}
