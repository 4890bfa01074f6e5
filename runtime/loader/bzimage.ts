import { HypervisorError } from '#sdk';
import type { BootState, LoadRequest } from './boot-state.ts';
import { ByteReader } from './byte-reader.ts';
import { placeFlatSegments } from './flat-segments.ts';
import { placeIdentityPageTables } from './identity-page-tables.ts';
import { LoadPlan } from './load-plan.ts';
import { buildZeroPage } from './zero-page.ts';

const HEADER_MAGIC = 0x53726448; // "HdrS"
const ZERO_PAGE = 0x10000;
const COMMAND_LINE = 0x20000;
const ONE_MEBIBYTE = 0x100000;
const LOADED_HIGH = 0x01;
const XLF_KERNEL_64 = 0x01;
const PAGE = 0x1000;
/** Where the 64-bit entry point lies behind the start of the protected-mode kernel. */
const ENTRY_64 = 0x200;

/** The setup header's fields that say how to load; defaults are those of the versions that lack a field. */
interface SetupHeader {
  readonly version: number;
  readonly kernelOffset: number;
  readonly kernelBytes: number;
  readonly isLoadedHigh: boolean;
  readonly initrdMax: number;
  readonly commandLineMax: number;
  readonly isRelocatable: boolean;
  readonly prefAddress: number;
  readonly initBytes: number;
  readonly has64BitEntry: boolean;
}

/** Tells whether a file has the setup header of a Linux kernel. */
export function isBzImage(kernel: Uint8Array): boolean {
  if (kernel.length < 0x206) return false;
  return new DataView(kernel.buffer, kernel.byteOffset).getUint32(0x202, true) === HEADER_MAGIC;
}

/**
 * Loads a Linux bzImage by the 32-bit (or 64-bit) boot protocol, version 2.02 or later.
 *
 * The real-mode code is not run: its header becomes the zero page, as the protocol allows for.
 *
 * @see Linux, Documentation/arch/x86/boot.rst
 */
export function loadBzImage(request: LoadRequest): BootState {
  const header = readHeader(request);
  const plan = new LoadPlan(request);
  const loadAddress = placeKernel(plan, header, request);
  const ramdisk = placeRamdisk(plan, header, request);
  placeCommandLine(plan, header, request);
  const zeroPage = buildZeroPage(request, { commandLine: COMMAND_LINE, loadAddress, ramdisk });
  plan.place('zero page', ZERO_PAGE, zeroPage);
  const is64 = request.longMode === true && header.has64BitEntry;
  const segments = placeFlatSegments(plan, is64 ? 64 : 32);
  const pageTables = is64 ? placeIdentityPageTables(plan) : undefined;
  plan.commit();
  return {
    mode: is64 ? 'long64' : 'protected32',
    rip: is64 ? loadAddress + ENTRY_64 : loadAddress,
    registers: { esi: ZERO_PAGE, ebx: 0, edi: 0, ebp: 0 },
    ...segments,
    ...(pageTables === undefined ? {} : { pageTables }),
  };
}

function readHeader(request: LoadRequest): SetupHeader {
  const reader = new ByteReader(request.kernel, `${request.kernelName} (a Linux bzImage)`);
  const version = reader.u16(0x206, 'setup header');
  const since = <T>(least: number, read: () => T, otherwise: T): T => (version >= least ? read() : otherwise);
  const setupSectors = reader.u8(0x1f1, 'setup header') || 4;
  const kernelOffset = (setupSectors + 1) * 512;
  const paragraphs = since(0x204, () => reader.u32(0x1f4, 'setup header'), reader.u16(0x1f4, 'setup header'));
  const header: SetupHeader = {
    version,
    kernelOffset,
    kernelBytes: paragraphs * 16,
    isLoadedHigh: (reader.u8(0x211, 'setup header') & LOADED_HIGH) !== 0,
    initrdMax: since(0x203, () => reader.u32(0x22c, 'setup header'), 0x37ffffff),
    commandLineMax: since(0x206, () => reader.u32(0x238, 'setup header'), 255),
    isRelocatable: since(0x205, () => reader.u8(0x234, 'setup header') !== 0, false),
    prefAddress: since(0x20a, () => reader.u64(0x258, 'setup header'), ONE_MEBIBYTE),
    initBytes: since(0x20a, () => reader.u32(0x260, 'setup header'), paragraphs * 16),
    has64BitEntry: since(0x20c, () => (reader.u16(0x236, 'setup header') & XLF_KERNEL_64) !== 0, false),
  };
  refuseUnsupported(header, request.kernelName);
  return header;
}

function refuseUnsupported(header: SetupHeader, kernelName: string): void {
  if (header.version >= 0x202 && header.isLoadedHigh && header.kernelBytes > 0) return;
  const version = `${header.version >> 8}.${String(header.version & 0xff).padStart(2, '0')}`;
  const seen = header.version < 0x202 ? `boot protocol ${version}` : header.isLoadedHigh ? 'an empty kernel' : 'a zImage, which loads below 1 MiB';
  throw new HypervisorError(
    'HV_ERR_LOADER_UNSUPPORTED',
    `${kernelName} is a Linux kernel with ${seen}; a bzImage with boot protocol 2.02 or later was expected`,
    { hint: 'build the kernel as bzImage; every kernel since Linux 2.4 has what is needed' },
  );
}

/** A relocatable kernel runs where it is loaded, but not below its preferred address, and needs `init_size` there. */
function placeKernel(plan: LoadPlan, header: SetupHeader, request: LoadRequest): number {
  const { prefAddress, initBytes, kernelBytes } = header;
  const what = 'kernel';
  const bytes = new ByteReader(request.kernel, `${request.kernelName} (a Linux bzImage)`).slice(
    header.kernelOffset,
    // the header counts paragraphs: the last one need not be whole
    Math.max(kernelBytes - 15, Math.min(kernelBytes, request.kernel.length - header.kernelOffset)),
    'protected-mode kernel',
  );
  const needed = Math.max(initBytes, kernelBytes);
  if (header.isRelocatable || prefAddress <= ONE_MEBIBYTE) {
    const address = Math.max(prefAddress, ONE_MEBIBYTE);
    plan.place(what, address, bytes, needed);
    return address;
  }
  // Loaded at 1 MiB it moves itself up: both places and what lies between must stay free.
  plan.place(what, ONE_MEBIBYTE, bytes, prefAddress + needed - ONE_MEBIBYTE);
  return ONE_MEBIBYTE;
}

function placeRamdisk(plan: LoadPlan, header: SetupHeader, request: LoadRequest): { address: number; size: number } {
  const { ramdisk } = request;
  if (ramdisk === undefined || ramdisk.length === 0) return { address: 0, size: 0 };
  const below = header.initrdMax + 1;
  const address = plan.reserve('ramdisk', {
    size: ramdisk.length,
    align: PAGE,
    above: ONE_MEBIBYTE,
    below,
    high: true,
  });
  plan.place('ramdisk', address, ramdisk);
  return { address, size: ramdisk.length };
}

function placeCommandLine(plan: LoadPlan, header: SetupHeader, request: LoadRequest): void {
  const text = new TextEncoder().encode(`${request.commandLine}\0`);
  if (text.length - 1 > header.commandLineMax || text.indexOf(0) !== text.length - 1) {
    const reason =
      text.length - 1 > header.commandLineMax ? `has ${text.length - 1} bytes, ${request.kernelName} takes ${header.commandLineMax}` : 'holds a NUL character';
    throw new HypervisorError('HV_ERR_LOADER_COMMAND_LINE', `the kernel command line ${reason}`, {
      hint: 'shorten or correct it',
    });
  }
  plan.place('command line', COMMAND_LINE, text);
}
