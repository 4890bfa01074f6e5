import { HypervisorError } from '#sdk';
import type { BootState, LoadRequest } from './boot-state.ts';
import { ByteReader } from './byte-reader.ts';
import { type ElfImage, placeSegments } from './elf.ts';
import { placeFlatSegments } from './flat-segments.ts';
import { LoadPlan } from './load-plan.ts';

const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const XEN_HVM_START_MAGIC_VALUE = 0x336ec578;
const START_INFO_BYTES = 56;
const MODULE_BYTES = 32;
const MEMORY_ENTRY_BYTES = 24;
const PAGE = 0x1000;
const LOW_END = 0xa0000;

/**
 * Finds the PVH entry point of an ELF file.
 *
 * @returns a physical address, or `undefined` if the file has no `XEN_ELFNOTE_PHYS32_ENTRY` note
 */
export function pvhEntry(image: ElfImage): number | undefined {
  const note = image.notes.find(({ owner, type }) => owner === 'Xen' && type === XEN_ELFNOTE_PHYS32_ENTRY);
  if (note === undefined) return undefined;
  const reader = new ByteReader(note.content, 'the PVH entry note');
  return note.content.length >= 8 ? reader.u64(0, 'entry') : reader.u32(0, 'entry');
}

/**
 * Loads an ELF kernel by Xen's PVH boot protocol.
 *
 * @see xen/include/public/arch-x86/hvm/start_info.h
 */
export function loadElfPvh(request: LoadRequest, image: ElfImage, entry: number): BootState {
  if (!image.segments.some((s) => entry >= s.physicalAddress && entry < s.physicalAddress + s.memorySize)) {
    throw new HypervisorError(
      'HV_ERR_LOADER_UNSUPPORTED',
      `${request.kernelName} is an ELF file whose PVH entry point 0x${entry.toString(16)} lies outside its segments`,
      { hint: 'the file is damaged, or was linked wrongly' },
    );
  }
  const plan = new LoadPlan(request);
  placeSegments(plan, image);
  const startInfo = placeStartInfo(plan, request);
  const segments = placeFlatSegments(plan);
  plan.commit();
  return { mode: 'protected32', rip: entry, registers: { ebx: startInfo }, ...segments };
}

function placeStartInfo(plan: LoadPlan, request: LoadRequest): number {
  const commandLine = new TextEncoder().encode(`${request.commandLine}\0`);
  const modules = request.ramdisk === undefined || request.ramdisk.length === 0 ? [] : [request.ramdisk];
  const moduleList = START_INFO_BYTES;
  const memoryMap = moduleList + modules.length * MODULE_BYTES;
  const text = memoryMap + request.e820.length * MEMORY_ENTRY_BYTES;
  const size = text + commandLine.length;
  const address = plan.reserve('start info', { size, below: LOW_END });
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const u64 = (offset: number, value: number): void => view.setBigUint64(offset, BigInt(value), true);
  view.setUint32(0, XEN_HVM_START_MAGIC_VALUE, true);
  view.setUint32(4, 1, true);
  view.setUint32(12, modules.length, true);
  u64(16, modules.length === 0 ? 0 : address + moduleList);
  u64(24, address + text);
  u64(32, request.rsdp);
  u64(40, address + memoryMap);
  view.setUint32(48, request.e820.length, true);
  request.e820.forEach((entry, index) => {
    const at = memoryMap + index * MEMORY_ENTRY_BYTES;
    u64(at, entry.base);
    u64(at + 8, entry.length);
    view.setUint32(at + 16, entry.type, true);
  });
  bytes.set(commandLine, text);
  plan.place('start info', address, bytes);
  modules.forEach((module, index) => {
    const at = plan.reserve('ramdisk', {
      size: module.length,
      align: PAGE,
      above: 0x100000,
      below: 2 ** 32,
      high: true,
    });
    plan.place('ramdisk', at, module);
    u64(moduleList + index * MODULE_BYTES, at);
    u64(moduleList + index * MODULE_BYTES + 8, module.length);
  });
  return address;
}
