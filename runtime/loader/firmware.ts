import type { BootSegment, BootState, LoadRequest } from './boot-state.ts';

const UNIT = 0x10000;
const LARGEST = 0x40000;
const RESET_VECTOR_FROM_END = 16;
/** The first bytes of near and far jumps; a ROM starts with one at its reset vector. */
const JUMPS = [0xea, 0xe9, 0xeb];

/** Tells whether a file has the size of a PC's ROM and a jump where the processor starts. */
export function isFirmware(image: Uint8Array): boolean {
  const hasSize = image.length >= UNIT && image.length <= LARGEST && image.length % UNIT === 0;
  return hasSize && JUMPS.includes(image[image.length - RESET_VECTOR_FROM_END] ?? 0);
}

/**
 * Starts a ROM: it ends at 1 MiB and again at 4 GiB, and is entered at F000:FFF0 in real mode.
 *
 * Guest memory stays as it is; mapping the ROM is the caller's.
 */
export function loadFirmware(request: Pick<LoadRequest, 'kernel'>): BootState {
  const bytes = request.kernel;
  return {
    mode: 'real',
    rip: 0xfff0,
    registers: {},
    // A processor starts with base FFFF0000h, where the same bytes are; the first far jump makes it this one.
    segments: { code: realSegment(0xf000, 0x9b), data: realSegment(0, 0x93) },
    rom: { bytes, addresses: [0x100000 - bytes.length, 2 ** 32 - bytes.length] },
  };
}

function realSegment(selector: number, accessRights: number): BootSegment {
  return { selector, base: selector * 16, limit: 0xffff, accessRights };
}
