import type { E820Entry, LoadRequest } from '../../../../runtime/loader/index.ts';

/** A guest's memory of some MiB, filled with a pattern so that stray writes and missing zeroes show. */
export function guestMemory(mebibytes: number): Uint8Array {
  return new Uint8Array(mebibytes * 1024 * 1024).fill(0xa5);
}

/** The memory map of a PC with so much memory. */
export function pcMemoryMap(memory: Uint8Array): E820Entry[] {
  return [
    { base: 0, length: 0x9fc00, type: 1 },
    { base: 0x9fc00, length: 0x60400, type: 2 },
    { base: 0x100000, length: memory.length - 0x100000, type: 1 },
  ];
}

/** A request with defaults for what a test does not care about. */
export function loadRequest(kernel: Uint8Array, changes: Partial<LoadRequest> = {}): LoadRequest {
  const memory = changes.memory ?? guestMemory(32);
  const rest = { kernelName: 'kernel', commandLine: 'console=ttyS0', rsdp: 0xe0000 };
  return { ...rest, kernel, memory, e820: pcMemoryMap(memory), ...changes };
}

/** What a test may say about a bzImage. */
export interface BzImageOptions {
  readonly version?: number;
  readonly loadFlags?: number;
  readonly relocatable?: boolean;
  readonly prefAddress?: number;
  readonly initBytes?: number;
  readonly initrdMax?: number;
  readonly commandLineMax?: number;
  readonly has64BitEntry?: boolean;
}

/** Makes a bzImage with one setup sector beyond the first and 4 KiB of kernel, all bytes 0x5a. */
export function bzImage(options: BzImageOptions = {}): Uint8Array {
  const image = new Uint8Array(1024 + 4096);
  const view = new DataView(image.buffer);
  image.fill(0x5a, 1024);
  view.setUint8(0x1f1, 1);
  view.setUint32(0x1f4, 4096 / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint8(0x201, 0x66);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, options.version ?? 0x20f, true);
  view.setUint8(0x211, options.loadFlags ?? 1);
  view.setUint32(0x22c, options.initrdMax ?? 0x7fffffff, true);
  view.setUint8(0x234, options.relocatable === false ? 0 : 1);
  view.setUint16(0x236, options.has64BitEntry === true ? 1 : 0, true);
  view.setUint32(0x238, options.commandLineMax ?? 2047, true);
  view.setBigUint64(0x258, BigInt(options.prefAddress ?? 0x1000000), true);
  view.setUint32(0x260, options.initBytes ?? 0x100000, true);
  return image;
}

/** A program header and its content. */
export interface ElfPart {
  readonly type: number;
  readonly address?: number;
  readonly virtual?: number;
  readonly bytes: Uint8Array;
  readonly memorySize?: number;
}

/** Makes an ELF executable. */
export function elf(bits: 32 | 64, entry: number, parts: readonly ElfPart[]): Uint8Array {
  const headerBytes = bits === 64 ? 64 : 52;
  const entryBytes = bits === 64 ? 56 : 32;
  const dataStart = headerBytes + entryBytes * parts.length;
  const image = new Uint8Array(parts.reduce((sum, { bytes }) => sum + bytes.length, dataStart));
  const view = new DataView(image.buffer);
  const word = (at: number, value: number): void => (bits === 64 ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true));
  image.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, bits === 64 ? 62 : 3, true);
  word(24, entry);
  word(bits === 64 ? 32 : 28, headerBytes);
  view.setUint16(bits === 64 ? 54 : 42, entryBytes, true);
  view.setUint16(bits === 64 ? 56 : 44, parts.length, true);
  let offset = dataStart;
  parts.forEach((part, index) => {
    const at = headerBytes + index * entryBytes;
    const [o, v, p, f, m] = bits === 64 ? [8, 16, 24, 32, 40] : [4, 8, 12, 16, 20];
    view.setUint32(at, part.type, true);
    word(at + (o ?? 0), offset);
    word(at + (v ?? 0), part.virtual ?? part.address ?? 0);
    word(at + (p ?? 0), part.address ?? 0);
    word(at + (f ?? 0), part.bytes.length);
    word(at + (m ?? 0), part.memorySize ?? part.bytes.length);
    image.set(part.bytes, offset);
    offset += part.bytes.length;
  });
  return image;
}

/** Makes an ELF note. */
export function note(owner: string, type: number, content: Uint8Array): Uint8Array {
  const pad = (size: number): number => Math.ceil(size / 4) * 4;
  const bytes = new Uint8Array(12 + pad(owner.length + 1) + pad(content.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, owner.length + 1, true);
  view.setUint32(4, content.length, true);
  view.setUint32(8, type, true);
  bytes.set(new TextEncoder().encode(owner), 12);
  bytes.set(content, 12 + pad(owner.length + 1));
  return bytes;
}

/** Makes the note that gives a PVH entry point. */
export function pvhNote(entry: number, bytes: 4 | 8 = 4): Uint8Array {
  const content = new Uint8Array(bytes);
  new DataView(content.buffer).setUint32(0, entry, true);
  return note('Xen', 18, content);
}

/** Makes a multiboot header, with address fields if given. */
export function multibootHeader(flags: number, addresses: readonly number[] = []): Uint8Array {
  const words = [0x1badb002, flags, (0x100000000 - 0x1badb002 - flags) >>> 0, ...addresses];
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, index) => {
    new DataView(bytes.buffer).setUint32(index * 4, word, true);
  });
  return bytes;
}

/** Reads a zero-terminated text. */
export function cString(memory: Uint8Array, address: number): string {
  return new TextDecoder().decode(memory.subarray(address, memory.indexOf(0, address)));
}

/** A little-endian view of guest memory. */
export function reader(memory: Uint8Array): { u32(at: number): number; u64(at: number): number } {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  return {
    u32: (at) => view.getUint32(at, true),
    u64: (at) => Number(view.getBigUint64(at, true)),
  };
}
