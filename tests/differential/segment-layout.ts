import { CODE, CODE_PAGES, DATA, DATA_PAGES, FS_BASE, FS_LIMIT, GS_BASE, offsetOf, STACK, STACK_PAGES } from './address-space.ts';
import type { Program } from './program.ts';
import { Random } from './random.ts';

/** A segment register of the fuzzer's machine. */
export interface SegmentChoice {
  /** Where the pages of the program are mapped for it. */
  readonly window: number;
  readonly base: number;
  readonly limit: number;
  readonly rights: number;
}

/** Windows of segments that are not flat. */
const WINDOWS = 0x10000000;
const WINDOW_SIZE = 0x800000;

const [CS, SS, FS] = [1, 2, 4];

/** The six segment registers in encoding order, as a program wants them. */
export function layOutSegments({ code, segments = code === 16 ? 'based' : 'flat', stateSeed }: Program): SegmentChoice[] {
  const random = new Random(stateSeed ^ 0x5e9);
  const flat = segments === 'flat';
  const top = code === 16 ? 0xffff : 0xffffffff;
  const size = code === 64 ? 0xa00000 : code === 32 ? 0xc00000 : 0;
  return [0, 1, 2, 3, 4, 5].map((n): SegmentChoice => {
    const window = flat ? 0 : WINDOWS + (n < FS ? n : 3) * WINDOW_SIZE;
    const inside = n === FS ? offsetOf(code, FS_BASE) : n > FS ? offsetOf(code, GS_BASE) : 0;
    const rights = (n === CS ? 0xfb00 : 0xf300) | (n === CS || code !== 64 ? size : 0xc00000);
    const limit = n === FS && code !== 64 ? FS_LIMIT : top;
    const choice: SegmentChoice = { window, base: window + inside, limit, rights };
    return segments === 'limited' ? limited(choice, n, random, code) : choice;
  });
}

/** A segment that refuses something, or lies a little beside its pages. */
function limited(choice: SegmentChoice, n: number, random: Random, code: 16 | 32 | 64): SegmentChoice {
  const upTo = (address: number, pages: number): number => offsetOf(code, address) + random.below(pages * 4096);
  if (n === CS) return random.chance(0.3) ? { ...choice, limit: upTo(CODE + 0x1000, CODE_PAGES - 1) } : choice;
  switch (random.below(6)) {
    case 0:
    case 1:
      return { ...choice, limit: n === SS ? upTo(STACK + 0x1400, STACK_PAGES - 1) : upTo(DATA + 0x2000, DATA_PAGES - 2) };
    case 2:
      return { ...choice, limit: random.below(0x3000), rights: choice.rights | 0x400 }; // expand-down
    case 3:
      return n === SS ? choice : { ...choice, rights: random.pick([0xf100, 0xfb00, 0xf900, 0x1f300]) | (choice.rights & 0xf00000) };
    case 4:
      return n === SS ? choice : { ...choice, base: choice.base + random.pick([0x10, 0x20, 0xff0]) };
    default:
      return choice;
  }
}
