import { acpiTable, checksum, putText } from './acpi/acpi-table.ts';
import { buildDsdtAml, type SerialResource } from './acpi/dsdt.ts';
import { buildFadt } from './acpi/fadt.ts';
import { buildMadt } from './acpi/madt.ts';

const ALIGNMENT = 16;
const FACS_LENGTH = 64;
const RSDP_LENGTH = 36;
const RSDP_V1_LENGTH = 20;

/** What the tables describe, and where they go. */
export interface AcpiInput {
  readonly processors: number;
  readonly ioapicId: number;
  readonly timerBits: 24 | 32;
  readonly serialPorts: readonly SerialResource[];
  /** Addresses of the FACS (64-byte aligned), of the other tables and of the root pointer. */
  readonly layout: { readonly waking: number; readonly tables: number; readonly pointer: number };
}

/** Bytes to be put into guest memory. */
export interface MemoryBlock {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/**
 * Builds all ACPI tables: the FACS alone (it must survive in memory that the guest never reclaims),
 * the other tables in one block, and the root pointer where a guest without EFI looks for it.
 */
export function buildAcpiTables(input: AcpiInput): MemoryBlock[] {
  const tables: Uint8Array[] = [];
  let end = input.layout.tables;
  const place = (bytes: Uint8Array): number => {
    const address = end;
    tables.push(bytes, new Uint8Array(-bytes.length & (ALIGNMENT - 1)));
    end += (bytes.length + ALIGNMENT - 1) & -ALIGNMENT;
    return address;
  };
  // Revision 1 of the language would have 32-bit integers; 2 is what every guest reads today.
  const dsdtAddress = place(acpiTable({ signature: 'DSDT', revision: 2 }, buildDsdtAml(input.serialPorts)));
  const fadtAddress = place(buildFadt({ facsAddress: input.layout.waking, dsdtAddress, timerBits: input.timerBits }));
  const madtAddress = place(buildMadt(input.processors, input.ioapicId));
  const rsdtAddress = place(rootTable('RSDT', [fadtAddress, madtAddress]));
  const xsdtAddress = place(rootTable('XSDT', [fadtAddress, madtAddress]));
  return [
    { address: input.layout.waking, bytes: buildFacs() },
    { address: input.layout.tables, bytes: join(tables) },
    { address: input.layout.pointer, bytes: buildRootPointer(rsdtAddress, xsdtAddress) },
  ];
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function rootTable(signature: 'RSDT' | 'XSDT', addresses: readonly number[]): Uint8Array {
  const width = signature === 'XSDT' ? 8 : 4;
  const body = new Uint8Array(addresses.length * width);
  const view = new DataView(body.buffer);
  // All tables are below 1 MiB: the high halves stay zero.
  addresses.forEach((address, index) => view.setUint32(index * width, address, true));
  return acpiTable({ signature, revision: 1 }, body);
}

function buildFacs(): Uint8Array {
  const bytes = new Uint8Array(FACS_LENGTH);
  putText(bytes, 0, 'FACS');
  bytes[4] = FACS_LENGTH;
  bytes[32] = 1;
  return bytes;
}

function buildRootPointer(rsdtAddress: number, xsdtAddress: number): Uint8Array {
  const bytes = new Uint8Array(RSDP_LENGTH);
  const view = new DataView(bytes.buffer);
  putText(bytes, 0, 'RSD PTR ');
  putText(bytes, 9, 'XYLEM ');
  bytes[15] = 2;
  view.setUint32(16, rsdtAddress, true);
  view.setUint32(20, RSDP_LENGTH, true);
  view.setUint32(24, xsdtAddress, true);
  bytes[8] = checksum(bytes.subarray(0, RSDP_V1_LENGTH));
  bytes[32] = checksum(bytes);
  return bytes;
}
