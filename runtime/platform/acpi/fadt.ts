import { acpiTable } from './acpi-table.ts';
import { pmLayout } from '../pm.ts';
import { resetLayout } from '../reset-control.ts';

/** Revision 3 of the table has 244 bytes; fields here are offsets from its header's end. */
const BODY = 244 - 36;
const HEADER = 36;
const SYSTEM_IO = 1;
const ACCESS_BYTE = 1;
const ACCESS_WORD = 2;
const ACCESS_DWORD = 3;
/** P_LVL2_LAT and P_LVL3_LAT above these mean that there is no C2 and C3. */
const NO_C2 = 101;
const NO_C3 = 1001;
const CENTURY_REGISTER = 0x32;

const FLAG_WBINVD = 1 << 0;
const FLAG_C1 = 1 << 2;
const FLAG_NO_SLEEP_BUTTON = 1 << 5;
const FLAG_NO_RTC_WAKE_STATUS = 1 << 6;
const FLAG_TIMER_32 = 1 << 8;
const FLAG_RESET_REGISTER = 1 << 10;

const BOOT_LEGACY_DEVICES = 1 << 0;
const BOOT_8042 = 1 << 1;
const BOOT_NO_VGA = 1 << 2;

/** Where the tables are that the FADT points to. */
export interface FadtInput {
  readonly facsAddress: number;
  readonly dsdtAddress: number;
  readonly timerBits: 24 | 32;
}

class FadtWriter {
  readonly bytes = new Uint8Array(BODY);
  readonly #view = new DataView(this.bytes.buffer);

  put8(offset: number, value: number): void {
    this.#view.setUint8(offset - HEADER, value);
  }

  put16(offset: number, value: number): void {
    this.#view.setUint16(offset - HEADER, value, true);
  }

  put32(offset: number, value: number): void {
    this.#view.setUint32(offset - HEADER, value, true);
  }

  /** A generic address structure for ports: how many bytes, and how wide one access is. */
  putPorts(offset: number, block: { port: number; bytes: number; access: number }): void {
    this.put8(offset, SYSTEM_IO);
    this.put8(offset + 1, block.bytes * 8);
    this.put8(offset + 3, block.access);
    this.put32(offset + 4, block.port);
  }
}

/** Builds the fixed ACPI description table. */
export function buildFadt(input: FadtInput): Uint8Array {
  const table = new FadtWriter();
  const control = pmLayout.base + pmLayout.controlOffset;
  const timer = pmLayout.base + pmLayout.timerOffset;
  table.put32(36, input.facsAddress);
  table.put32(40, input.dsdtAddress);
  table.put16(46, pmLayout.sciIrq);
  table.put32(48, pmLayout.smiCommandPort);
  table.put8(52, pmLayout.enableCommand);
  table.put8(53, pmLayout.disableCommand);
  table.put32(56, pmLayout.base);
  table.put32(64, control);
  table.put32(76, timer);
  table.put8(88, 4);
  table.put8(89, 2);
  table.put8(91, 4);
  table.put16(96, NO_C2);
  table.put16(98, NO_C3);
  table.put8(108, CENTURY_REGISTER);
  table.put16(109, BOOT_LEGACY_DEVICES | BOOT_8042 | BOOT_NO_VGA);
  const timerFlag = input.timerBits === 32 ? FLAG_TIMER_32 : 0;
  table.put32(112, FLAG_WBINVD | FLAG_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_NO_RTC_WAKE_STATUS | FLAG_RESET_REGISTER | timerFlag);
  table.putPorts(116, { port: resetLayout.port, bytes: 1, access: ACCESS_BYTE });
  table.put8(128, resetLayout.value);
  table.put32(140, input.dsdtAddress);
  table.putPorts(148, { port: pmLayout.base, bytes: 4, access: ACCESS_WORD });
  table.putPorts(172, { port: control, bytes: 2, access: ACCESS_WORD });
  table.putPorts(208, { port: timer, bytes: 4, access: ACCESS_DWORD });
  return acpiTable({ signature: 'FACP', revision: 3 }, table.bytes);
}
