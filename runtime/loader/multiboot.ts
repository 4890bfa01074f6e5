import { HypervisorError } from '#sdk';
import type { BootState, LoadRequest } from './boot-state.ts';
import { ByteReader } from './byte-reader.ts';
import { type ElfImage, isElf, placeSegments, readElf } from './elf.ts';
import { placeFlatSegments } from './flat-segments.ts';
import { LoadPlan } from './load-plan.ts';
import { placeMultibootInfo } from './multiboot-info.ts';

const HEADER_MAGIC = 0x1badb002;
const LOADER_MAGIC = 0x2badb002;
const SEARCH_BYTES = 8192;
const ADDRESS_FIELDS = 1 << 16;
/** Page-aligned modules, memory information, and a video mode, which we have none to offer of. */
const KNOWN_FLAGS = 0x07;

/** Where a file's multiboot header is. */
export interface MultibootHeader {
  readonly offset: number;
  readonly flags: number;
}

/**
 * Finds the multiboot 1 header in the first 8 KiB of a file.
 *
 * @see Multiboot Specification 0.6.96, section 3.1
 */
export function findMultibootHeader(kernel: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  const end = Math.min(kernel.length, SEARCH_BYTES) - 12;
  for (let offset = 0; offset <= end; offset += 4) {
    const flags = view.getUint32(offset + 4, true);
    const isHeader = view.getUint32(offset, true) === HEADER_MAGIC;
    if (isHeader && (HEADER_MAGIC + flags + view.getUint32(offset + 8, true)) >>> 0 === 0) return { offset, flags };
  }
  return undefined;
}

/** Loads a multiboot 1 kernel: an ELF file, or any file whose header holds its load addresses. */
export function loadMultiboot(request: LoadRequest, header: MultibootHeader): BootState {
  const unknown = header.flags & 0xffff & ~KNOWN_FLAGS;
  if (unknown !== 0) {
    throw new HypervisorError(
      'HV_ERR_LOADER_UNSUPPORTED',
      `${request.kernelName} is a multiboot kernel that requires features 0x${unknown.toString(16)}, which are unknown`,
      { hint: "only bits 0 to 2 of the multiboot header's required features are defined" },
    );
  }
  const plan = new LoadPlan(request);
  const entry = (header.flags & ADDRESS_FIELDS) !== 0 ? placeByAddressFields(plan, request, header.offset) : placeElf(plan, request);
  const info = placeMultibootInfo(plan, request);
  const segments = placeFlatSegments(plan);
  plan.commit();
  return {
    mode: 'protected32',
    rip: entry,
    registers: { eax: LOADER_MAGIC, ebx: info },
    ...segments,
  };
}

/** The "a.out kludge": the header says itself what goes where. */
function placeByAddressFields(plan: LoadPlan, request: LoadRequest, headerOffset: number): number {
  const reader = new ByteReader(request.kernel, `${request.kernelName} (a multiboot kernel)`);
  const field = (offset: number): number => reader.u32(headerOffset + offset, 'multiboot header');
  const loadAddress = field(16);
  const loadEnd = field(20);
  const entry = field(28);
  const start = headerOffset - (field(12) - loadAddress);
  const length = loadEnd === 0 ? request.kernel.length - start : loadEnd - loadAddress;
  const bytes = reader.slice(start, length, 'image');
  const end = loadAddress + length;
  plan.place('image', loadAddress, bytes, Math.max(field(24), end) - loadAddress);
  return requireEntry(request, entry, entry >= loadAddress && entry < end);
}

function placeElf(plan: LoadPlan, request: LoadRequest): number {
  if (!isElf(request.kernel)) {
    throw new HypervisorError(
      'HV_ERR_LOADER_UNSUPPORTED',
      `${request.kernelName} has a multiboot header, but is neither an ELF file nor says where it is to be loaded`,
      {
        hint: "link it as ELF, or set bit 16 of the header's flags and fill in the address fields",
      },
    );
  }
  const image = readElf(request.kernel, request.kernelName);
  placeSegments(plan, image);
  const entry = physicalEntry(image);
  return requireEntry(request, entry ?? image.entry, entry !== undefined);
}

/** The entry is a virtual address; kernels linked high want the physical one of the same byte. */
function physicalEntry(image: ElfImage): number | undefined {
  const isIn = (address: number, start: number, size: number): boolean => address >= start && address < start + size;
  if (image.segments.some((s) => isIn(image.entry, s.physicalAddress, s.memorySize))) return image.entry;
  const segment = image.segments.find((s) => isIn(image.entry, s.virtualAddress, s.memorySize));
  return segment === undefined ? undefined : image.entry - segment.virtualAddress + segment.physicalAddress;
}

function requireEntry(request: LoadRequest, entry: number, isInside: boolean): number {
  if (isInside) return entry;
  throw new HypervisorError(
    'HV_ERR_LOADER_UNSUPPORTED',
    `${request.kernelName} is a multiboot kernel whose entry point 0x${entry.toString(16)} lies outside what is loaded`,
    { hint: 'the file is damaged, or was linked wrongly' },
  );
}
