import { aml } from '../platform/acpi/aml.ts';
import { acpiTable, checksum, putText } from '../platform/acpi/acpi-table.ts';
import type { MemoryBlock } from '../platform/acpi-tables.ts';
import { pvhLayout } from './pvh-layout.ts';

const HEADER = 36;
const FADT_BYTES = 268;
const FACS_BYTES = 64;
const RSDP_BYTES = 36;
const RSDP_V1_BYTES = 20;
const LAPIC_BASE = 0xfee0_0000;
/** Ports of the fixed hardware that the tables name. */
export const pvhPowerPorts = { event: 0xb000, eventBytes: 4, control: 0xb004, controlBytes: 2, gpe: 0xafe0, gpeBytes: 4, reset: 0xb010 } as const;
/** What is written to switch off and to reset: Linux's own ways out of a domain without ACPI are only for emergencies. */
export const pvhPowerValues = { softOffType: 5, reset: 1 } as const;

const BOOT_NO_VGA = 1 << 2;
const BOOT_NO_CMOS_RTC = 1 << 5;
const SCI_IRQ = 9;
const NO_C2 = 101;
const NO_C3 = 1001;
const FLAG_WBINVD = 1 << 0;
const FLAG_C1 = 1 << 2;
const FLAG_NO_POWER_BUTTON = 1 << 4;
const FLAG_NO_SLEEP_BUTTON = 1 << 5;
const FLAG_NO_RTC_WAKE_STATUS = 1 << 6;
const FLAG_RESET_REGISTER = 1 << 10;

/** The ACPI tables of a PVH domain: processors, and that there is no PC around them. */
export function buildPvhAcpi(processors: number): MemoryBlock[] {
  const parts: Uint8Array[] = [];
  let end: number = pvhLayout.acpiTables;
  const place = (bytes: Uint8Array): number => {
    const address = end;
    const padded = new Uint8Array((bytes.length + 63) & -64);
    padded.set(bytes);
    parts.push(padded);
    end += padded.length;
    return address;
  };
  const facs = place(buildFacs());
  const dsdt = place(acpiTable({ signature: 'DSDT', revision: 2 }, softOff()));
  const fadt = place(buildFadt(facs, dsdt));
  const madt = place(buildMadt(processors));
  const xsdt = place(buildXsdt([fadt, madt]));
  let at: number = pvhLayout.acpiTables;
  const blocks = parts.map((bytes) => {
    at += bytes.length;
    return { address: at - bytes.length, bytes };
  });
  return [...blocks, { address: pvhLayout.acpiPointer, bytes: buildRootPointer(xsdt) }];
}

/** All that the definition block says: how to switch off. */
function softOff(): Uint8Array {
  const type = aml.integer(pvhPowerValues.softOffType);
  const none = aml.integer(0);
  return Uint8Array.from(aml.name('\\_S5', aml.package([type, type, none, none])));
}

function buildFacs(): Uint8Array {
  const bytes = new Uint8Array(FACS_BYTES);
  putText(bytes, 0, 'FACS');
  bytes[4] = FACS_BYTES;
  bytes[32] = 1;
  return bytes;
}

function buildFadt(facs: number, dsdt: number): Uint8Array {
  const body = new DataView(new ArrayBuffer(FADT_BYTES - HEADER));
  const at = (offset: number): number => offset - HEADER;
  const { event, eventBytes, control, controlBytes, gpe, gpeBytes, reset } = pvhPowerPorts;
  const ports = (offset: number, base: number, bytes: number): void => {
    body.setUint8(at(offset), 1);
    body.setUint8(at(offset + 1), bytes * 8);
    body.setUint8(at(offset + 3), 2);
    body.setUint32(at(offset + 4), base, true);
  };
  body.setUint32(at(36), facs, true);
  body.setUint32(at(40), dsdt, true);
  body.setUint16(at(46), SCI_IRQ, true);
  body.setUint32(at(56), event, true);
  body.setUint32(at(64), control, true);
  body.setUint32(at(80), gpe, true);
  body.setUint8(at(88), eventBytes);
  body.setUint8(at(89), controlBytes);
  body.setUint8(at(92), gpeBytes);
  body.setUint16(at(96), NO_C2, true);
  body.setUint16(at(98), NO_C3, true);
  body.setUint16(at(109), BOOT_NO_VGA | BOOT_NO_CMOS_RTC, true);
  body.setUint32(at(112), FLAG_WBINVD | FLAG_C1 | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON | FLAG_NO_RTC_WAKE_STATUS | FLAG_RESET_REGISTER, true);
  body.setUint8(at(116), 1);
  body.setUint8(at(117), 8);
  body.setUint8(at(119), 1);
  body.setUint32(at(120), reset, true);
  body.setUint8(at(128), pvhPowerValues.reset);
  body.setUint32(at(140), dsdt, true);
  ports(148, event, eventBytes);
  ports(172, control, controlBytes);
  ports(220, gpe, gpeBytes);
  return acpiTable({ signature: 'FACP', revision: 5 }, new Uint8Array(body.buffer));
}

/** APIC IDs are even, as Xen numbers vCPUs; there is no I/O APIC. */
function buildMadt(processors: number): Uint8Array {
  const body = new DataView(new ArrayBuffer(8 + 8 * processors));
  body.setUint32(0, LAPIC_BASE, true);
  for (let vcpu = 0; vcpu < processors; vcpu++) {
    const at = 8 + 8 * vcpu;
    body.setUint8(at + 1, 8);
    body.setUint8(at + 2, vcpu);
    body.setUint8(at + 3, 2 * vcpu);
    body.setUint32(at + 4, 1, true);
  }
  return acpiTable({ signature: 'APIC', revision: 2 }, new Uint8Array(body.buffer));
}

function buildXsdt(tables: readonly number[]): Uint8Array {
  const body = new DataView(new ArrayBuffer(8 * tables.length));
  tables.forEach((address, i) => body.setUint32(8 * i, address, true));
  return acpiTable({ signature: 'XSDT', revision: 1 }, new Uint8Array(body.buffer));
}

function buildRootPointer(xsdt: number): Uint8Array {
  const bytes = new Uint8Array(RSDP_BYTES);
  const view = new DataView(bytes.buffer);
  putText(bytes, 0, 'RSD PTR ');
  putText(bytes, 9, 'XYLEM ');
  bytes[15] = 2;
  view.setUint32(20, RSDP_BYTES, true);
  view.setUint32(24, xsdt, true);
  bytes[8] = checksum(bytes.subarray(0, RSDP_V1_BYTES));
  bytes[32] = checksum(bytes);
  return bytes;
}
