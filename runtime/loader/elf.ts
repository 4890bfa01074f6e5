import { HypervisorError } from '#sdk';
import { ByteReader } from './byte-reader.ts';
import type { LoadPlan } from './load-plan.ts';

const PT_LOAD = 1;
const PT_NOTE = 4;
const MACHINES: Readonly<Record<number, string>> = { 3: 'i386', 62: 'x86-64' };
const SEGMENTS_MAX = 512;
/** A hostile note segment must not make us walk for long. */
const NOTE_BYTES_MAX = 0x10000;

/** A segment that is to be loaded. */
export interface ElfSegment {
  readonly physicalAddress: number;
  readonly virtualAddress: number;
  readonly bytes: Uint8Array;
  readonly memorySize: number;
}

/** A note: who defined it, its type, and its content. */
export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly content: Uint8Array;
}

/** What a loader needs of an ELF file. */
export interface ElfImage {
  readonly is64: boolean;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly notes: readonly ElfNote[];
}

/** Tells whether a file starts as ELF files do. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads an x86 ELF executable, 32-bit or 64-bit.
 *
 * @throws HypervisorError if it is cut off or not for x86
 */
export function readElf(bytes: Uint8Array, fileName: string): ElfImage {
  const reader = new ByteReader(bytes, `${fileName} (an ELF file)`);
  const is64 = reader.u8(4, 'header') === 2;
  const machine = reader.u16(18, 'header');
  if (reader.u8(5, 'header') !== 1 || MACHINES[machine] === undefined) {
    throw new HypervisorError(
      'HV_ERR_LOADER_UNSUPPORTED',
      `${fileName} is an ELF file for another processor (machine ${machine}); one for i386 or x86-64 was expected`,
      { hint: 'name a kernel built for x86' },
    );
  }
  const entry = is64 ? reader.u64(24, 'header') : reader.u32(24, 'header');
  const headers = programHeaders(reader, is64, fileName);
  return {
    is64,
    entry,
    segments: headers.filter(({ type }) => type === PT_LOAD).flatMap((header) => loadSegment(reader, header)),
    notes: headers.filter(({ type }) => type === PT_NOTE).flatMap((header) => readNotes(reader, header)),
  };
}

/** Plans to load every segment at its physical address. */
export function placeSegments(plan: LoadPlan, image: ElfImage): void {
  image.segments.forEach((segment, index) => {
    plan.place(`segment ${index}`, segment.physicalAddress, segment.bytes, segment.memorySize);
  });
}

interface ProgramHeader {
  readonly type: number;
  readonly offset: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

function programHeaders(reader: ByteReader, is64: boolean, fileName: string): ProgramHeader[] {
  const offset = is64 ? reader.u64(32, 'header') : reader.u32(28, 'header');
  const entrySize = reader.u16(is64 ? 54 : 42, 'header');
  const count = reader.u16(is64 ? 56 : 44, 'header');
  if (count === 0 || count > SEGMENTS_MAX || entrySize < (is64 ? 56 : 32)) {
    throw new HypervisorError(
      'HV_ERR_LOADER_UNSUPPORTED',
      `${fileName} is an ELF file with ${count} program headers of ${entrySize} bytes; an executable was expected`,
      { hint: 'an object file or a kernel module cannot be started: name a linked kernel' },
    );
  }
  return Array.from({ length: count }, (_, index) => {
    const at = offset + index * entrySize;
    const word = (at64: number, at32: number): number => (is64 ? reader.u64(at + at64, 'program headers') : reader.u32(at + at32, 'program headers'));
    return {
      type: reader.u32(at, 'program headers'),
      offset: word(8, 4),
      virtualAddress: word(16, 8),
      physicalAddress: word(24, 12),
      fileSize: word(32, 16),
      memorySize: word(40, 20),
    };
  });
}

function loadSegment(reader: ByteReader, header: ProgramHeader): ElfSegment[] {
  const { physicalAddress, virtualAddress, memorySize } = header;
  if (memorySize === 0 && header.fileSize === 0) return [];
  const bytes = reader.slice(header.offset, header.fileSize, 'segments');
  return [{ physicalAddress, virtualAddress, bytes, memorySize: Math.max(memorySize, header.fileSize) }];
}

/** Notes are padded to 4 bytes in 64-bit files too. */
function readNotes(reader: ByteReader, header: ProgramHeader): ElfNote[] {
  const size = Math.min(header.fileSize, NOTE_BYTES_MAX);
  const segment = new ByteReader(reader.slice(header.offset, size, 'notes'), 'a note segment');
  const notes: ElfNote[] = [];
  let at = 0;
  while (at + 12 <= size) {
    const nameSize = segment.u32(at, 'note');
    const contentSize = segment.u32(at + 4, 'note');
    const content = at + 12 + pad(nameSize);
    // Other owners' damaged notes are no reason to refuse a kernel.
    if (content + contentSize > size) break;
    notes.push({
      owner: new TextDecoder().decode(segment.slice(at + 12, Math.max(0, nameSize - 1), 'note')),
      type: segment.u32(at + 8, 'note'),
      content: segment.slice(content, contentSize, 'note'),
    });
    at = content + pad(contentSize);
  }
  return notes;
}

function pad(size: number): number {
  return Math.ceil(size / 4) * 4;
}
