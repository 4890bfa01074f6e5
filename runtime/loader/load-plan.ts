import { HypervisorError } from '#sdk';
import type { LoadRequest } from './boot-state.ts';

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Placement extends Range {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** Where {@link LoadPlan.reserve} may look for room. */
export interface Room {
  readonly size: number;
  readonly align?: number;
  /** Lowest address. */
  readonly above?: number;
  /** First address behind. */
  readonly below?: number;
  /** Take the highest place instead of the lowest. */
  readonly high?: boolean;
}

/** The real-mode vectors and the BIOS data area stay free: guests may look there for a BIOS's data. */
export const LOWEST_ADDRESS = 0x1000;

const RAM = 1;

/**
 * Collects what a loader wants in guest memory, checks it, and writes it in one go.
 *
 * Every range must lie in RAM by the memory map, inside the memory there is, and apart from the others.
 */
export class LoadPlan {
  private readonly memory: Uint8Array;
  private readonly kernelName: string;
  private readonly ram: readonly Range[];
  private readonly placements: Placement[] = [];

  constructor(request: Pick<LoadRequest, 'memory' | 'e820' | 'kernelName'>) {
    this.memory = request.memory;
    this.kernelName = request.kernelName;
    this.ram = ramRanges(request.e820, request.memory.length);
  }

  /**
   * Puts bytes at an address, followed by zeroes up to `size`.
   *
   * @throws HypervisorError if the range is not all RAM or is taken
   */
  place(what: string, address: number, bytes: Uint8Array, size = bytes.length): void {
    const range = { start: address, end: address + Math.max(size, bytes.length) };
    if (!this.isRam(range)) {
      throw this.noRoom(`its ${what} needs the memory from ${hex(range.start)} to ${hex(range.end)}, which is not all RAM`);
    }
    const other = this.placements.find((placement) => overlap(placement, range));
    if (other !== undefined) {
      throw this.noRoom(`its ${what} at ${hex(range.start)} to ${hex(range.end)} overlaps its ${other.what}`);
    }
    this.placements.push({ ...range, what, bytes });
  }

  /**
   * Finds free RAM.
   *
   * @throws HypervisorError if there is none
   */
  reserve(what: string, room: Room): number {
    const address = this.find(room);
    if (address !== undefined) return address;
    throw this.noRoom(`there is no place for its ${what} of ${mebibytes(room.size)}`);
  }

  /** Tells whether a range is all RAM and free. */
  isFree(start: number, size: number): boolean {
    const range = { start, end: start + size };
    return this.isRam(range) && !this.placements.some((placement) => overlap(placement, range));
  }

  /** Writes everything placed; the first moment at which guest memory changes. */
  commit(): void {
    for (const { start, end, bytes } of this.placements) {
      this.memory.set(bytes, start);
      this.memory.fill(0, start + bytes.length, end);
    }
  }

  private find(room: Room): number | undefined {
    const align = room.align ?? 8;
    const gaps = this.gaps().flatMap((gap) => {
      const start = Math.ceil(Math.max(gap.start, room.above ?? LOWEST_ADDRESS) / align) * align;
      const end = Math.min(gap.end, room.below ?? Infinity);
      return start + room.size <= end ? [{ start, end }] : [];
    });
    if (room.high !== true) return gaps[0]?.start;
    const last = gaps.at(-1);
    return last === undefined ? undefined : Math.floor((last.end - room.size) / align) * align;
  }

  /** The free RAM, in the order of addresses. */
  private gaps(): Range[] {
    const taken = this.placements.toSorted((a, b) => a.start - b.start);
    return this.ram.flatMap((range) => {
      const gaps: Range[] = [];
      let start = range.start;
      for (const placement of taken.filter((candidate) => overlap(candidate, range))) {
        gaps.push({ start, end: placement.start });
        start = placement.end;
      }
      return [...gaps, { start, end: range.end }].filter((gap) => gap.end > gap.start);
    });
  }

  private isRam(range: Range): boolean {
    return range.end >= range.start && this.ram.some((ram) => ram.start <= range.start && range.end <= ram.end);
  }

  private noRoom(reason: string): HypervisorError {
    return new HypervisorError('HV_ERR_LOADER_NO_ROOM', `${this.kernelName} does not fit into ${mebibytes(this.memory.length)} of guest memory: ${reason}`, {
      hint: 'give the domain more memory',
    });
  }
}

/** RAM that we have the bytes of, without what other entries of the map take out of it, neighbours joined. */
function ramRanges(e820: LoadRequest['e820'], memoryBytes: number): Range[] {
  const ram = e820
    .filter((entry) => entry.type === RAM)
    .map(toRange)
    .toSorted((a, b) => a.start - b.start);
  const joined: Range[] = [];
  for (const { start, end } of ram.map((range) => ({
    start: range.start,
    end: Math.min(range.end, memoryBytes),
  }))) {
    const last = joined.at(-1);
    if (end <= start) continue;
    if (last !== undefined && start <= last.end) joined.splice(-1, 1, { start: last.start, end: Math.max(last.end, end) });
    else joined.push({ start, end });
  }
  return e820
    .filter((entry) => entry.type !== RAM)
    .map(toRange)
    .reduce(subtract, joined);
}

function subtract(ranges: Range[], hole: Range): Range[] {
  return ranges.flatMap((range) =>
    overlap(range, hole)
      ? [
          { start: range.start, end: hole.start },
          { start: hole.end, end: range.end },
        ].filter(({ start, end }) => end > start)
      : [range],
  );
}

function toRange(entry: { base: number; length: number }): Range {
  return { start: entry.base, end: entry.base + entry.length };
}

function overlap(a: Range, b: Range): boolean {
  return a.start < b.end && b.start < a.end;
}

function hex(value: number): string {
  return Number.isFinite(value) ? `0x${value.toString(16)}` : 'beyond all addresses';
}

function mebibytes(bytes: number): string {
  const size = bytes / 1024 / 1024;
  return size >= 10 ? `${Math.ceil(size)} MiB` : `${Math.ceil(bytes / 1024)} KiB`;
}
