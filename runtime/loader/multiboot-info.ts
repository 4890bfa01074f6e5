import type { LoadRequest } from './boot-state.ts';
import type { LoadPlan } from './load-plan.ts';

const INFO_BYTES = 116;
const MODULE_BYTES = 16;
const MEMORY_ENTRY_BYTES = 24;
const PAGE = 0x1000;
const LOW_END = 0xa0000;
const RAM = 1;

const HAS_MEMORY = 1 << 0;
const HAS_COMMAND_LINE = 1 << 2;
const HAS_MODULES = 1 << 3;
const HAS_MEMORY_MAP = 1 << 6;
const HAS_LOADER_NAME = 1 << 9;

/**
 * Places the multiboot information structure, what it points to, and the ramdisk as the first module.
 *
 * @returns the structure's physical address
 * @see Multiboot Specification 0.6.96, section 3.3
 */
export function placeMultibootInfo(plan: LoadPlan, request: LoadRequest): number {
  const modules = request.ramdisk === undefined || request.ramdisk.length === 0 ? [] : [request.ramdisk];
  const texts = [`${request.kernelName} ${request.commandLine}`.trimEnd(), 'Xylem', 'ramdisk'].map(cString);
  const moduleList = INFO_BYTES;
  const memoryMap = moduleList + modules.length * MODULE_BYTES;
  const textStart = memoryMap + request.e820.length * MEMORY_ENTRY_BYTES;
  const size = textStart + texts.reduce((sum, text) => sum + text.length, 0);
  const address = plan.reserve('multiboot information', { size, below: LOW_END });
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const u32 = (offset: number, value: number): void => view.setUint32(offset, value, true);
  const textAddresses = placeTexts(bytes, textStart, texts).map((offset) => address + offset);
  u32(0, HAS_MEMORY | HAS_COMMAND_LINE | HAS_MODULES | HAS_MEMORY_MAP | HAS_LOADER_NAME);
  u32(4, contiguousKib(request, 0));
  u32(8, contiguousKib(request, 0x100000));
  u32(16, textAddresses[0] ?? 0);
  u32(20, modules.length);
  u32(24, address + moduleList);
  u32(44, request.e820.length * MEMORY_ENTRY_BYTES);
  u32(48, address + memoryMap);
  u32(64, textAddresses[1] ?? 0);
  writeMemoryMap(view, memoryMap, request);
  plan.place('multiboot information', address, bytes);
  for (const module of modules) {
    const start = plan.reserve('ramdisk', {
      size: module.length,
      align: PAGE,
      above: 0x100000,
      below: 2 ** 32,
      high: true,
    });
    plan.place('ramdisk', start, module);
    u32(moduleList, start);
    u32(moduleList + 4, start + module.length);
    u32(moduleList + 8, textAddresses[2] ?? 0);
  }
  return address;
}

/** An entry's size field does not count itself. */
function writeMemoryMap(view: DataView, offset: number, request: LoadRequest): void {
  request.e820.forEach((entry, index) => {
    const at = offset + index * MEMORY_ENTRY_BYTES;
    view.setUint32(at, MEMORY_ENTRY_BYTES - 4, true);
    view.setBigUint64(at + 4, BigInt(entry.base), true);
    view.setBigUint64(at + 12, BigInt(entry.length), true);
    view.setUint32(at + 20, entry.type, true);
  });
}

function placeTexts(bytes: Uint8Array, start: number, texts: readonly Uint8Array[]): number[] {
  let at = start;
  return texts.map((text) => {
    bytes.set(text, at);
    at += text.length;
    return at - text.length;
  });
}

/** KiB of RAM without a gap from an address on. */
function contiguousKib(request: LoadRequest, from: number): number {
  const entry = request.e820.find(({ base, length, type }) => type === RAM && base <= from && from < base + length);
  return entry === undefined ? 0 : Math.min(0xffffffff, Math.floor((entry.base + entry.length - from) / 1024));
}

function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
