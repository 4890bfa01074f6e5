import { HypervisorError } from '#sdk';
import type { LoadRequest } from './boot-state.ts';
import { ByteReader } from './byte-reader.ts';

const PAGE = 0x1000;
const HEADER_START = 0x1f1;
const HEADER_END_MAX = 0x290;
const E820_TABLE = 0x2d0;
const E820_MAX = 128;
const UNDEFINED_LOADER = 0xff;
const CAN_USE_HEAP = 0x80;

/** Where the loader has put what the zero page points to. */
export interface ZeroPagePointers {
  readonly commandLine: number;
  readonly loadAddress: number;
  readonly ramdisk: { readonly address: number; readonly size: number };
}

/**
 * Builds Linux's zero page (`struct boot_params`) for a kernel image: its setup header, filled in, and the memory map.
 *
 * @see Linux, Documentation/arch/x86/zero-page.rst
 */
export function buildZeroPage(request: LoadRequest, pointers: ZeroPagePointers): Uint8Array {
  const page = new Uint8Array(PAGE);
  const view = new DataView(page.buffer);
  copyHeader(page, request);
  view.setUint8(0x210, UNDEFINED_LOADER);
  view.setUint8(0x211, view.getUint8(0x211) & ~CAN_USE_HEAP);
  view.setUint32(0x214, pointers.loadAddress, true);
  view.setUint32(0x218, pointers.ramdisk.address, true);
  view.setUint32(0x21c, pointers.ramdisk.size, true);
  view.setUint32(0x228, pointers.commandLine, true);
  view.setBigUint64(0x70, BigInt(request.rsdp), true);
  writeMemory(view, request);
  return page;
}

/** The byte of the jump at 0x201 says where the header ends. */
function copyHeader(page: Uint8Array, request: LoadRequest): void {
  const reader = new ByteReader(request.kernel, `${request.kernelName} (a Linux bzImage)`);
  const end = Math.min(0x202 + reader.u8(0x201, 'setup header'), HEADER_END_MAX);
  page.set(reader.slice(HEADER_START, Math.max(0, end - HEADER_START), 'setup header'), HEADER_START);
}

function writeMemory(view: DataView, request: LoadRequest): void {
  if (request.e820.length > E820_MAX) {
    throw new HypervisorError('HV_ERR_LOADER_UNSUPPORTED', `the memory map has ${request.e820.length} entries, a Linux kernel takes ${E820_MAX}`);
  }
  request.e820.forEach((entry, index) => {
    const at = E820_TABLE + index * 20;
    view.setBigUint64(at, BigInt(entry.base), true);
    view.setBigUint64(at + 8, BigInt(entry.length), true);
    view.setUint32(at + 16, entry.type, true);
  });
  view.setUint8(0x1e8, request.e820.length);
  // The older counts of KiB above 1 MiB; a kernel reads them only without an E820 map.
  const above = Math.max(0, Math.floor((request.memory.length - 0x100000) / 1024));
  view.setUint16(0x02, Math.min(above, 0xffff), true);
  view.setUint32(0x1e0, above, true);
}
