import { pathToFileURL } from 'node:url';
import { readLines, readQemuTrace, readXylemTrace, type TraceEntry } from './trace-readers.ts';

/** What a comparison of two traces found. */
export interface TraceComparison {
  /** Places at which both traces agree. */
  readonly matched: number;
  /** The first place where they do not, with what went before; missing when one of them ends first. */
  readonly divergence?: Divergence;
}

/** Where two traces part. */
export interface Divergence {
  /** Names of the registers that differ; none when the paths part. */
  readonly registers: readonly string[];
  readonly ours: TraceEntry;
  readonly theirs: TraceEntry;
  /** The last places that agreed. */
  readonly before: readonly TraceEntry[];
}

/** How two traces are compared. */
export interface CompareOptions {
  /** Bits of EFLAGS that count; without RF, which QEMU shows where the manual leaves it open. */
  readonly flags?: bigint;
  /** How many entries one of the traces may have that the other has not, because blocks end at other places. */
  readonly window?: number;
}

const ALL_FLAGS = 0x3f7fd5n & ~0x10000n;
const CONTEXT = 6;

/** Entries of a trace with a look ahead. */
class Cursor {
  readonly #entries: Iterator<TraceEntry>;
  readonly #ahead: TraceEntry[] = [];

  constructor(entries: Iterable<TraceEntry>) {
    this.#entries = entries[Symbol.iterator]();
  }

  /** The entry `distance` after the current one. */
  peek(distance: number): TraceEntry | undefined {
    while (this.#ahead.length <= distance) {
      const next = this.#entries.next();
      if (next.done === true) return undefined;
      this.#ahead.push(next.value);
    }
    return this.#ahead[distance];
  }

  advance(count: number): void {
    this.#ahead.splice(0, count);
  }
}

/**
 * Compares two traces of the same guest. Both are parts of one path through the program, cut at different places: they
 * are aligned by RIP, and where they meet all registers must agree.
 */
export function compareTraces(ours: Iterable<TraceEntry>, theirs: Iterable<TraceEntry>, options: CompareOptions = {}): TraceComparison {
  const { flags = ALL_FLAGS, window = 256 } = options;
  const [a, b] = [new Cursor(ours), new Cursor(theirs)];
  const before: TraceEntry[] = [];
  let matched = 0;
  for (;;) {
    const [left, right] = [a.peek(0), b.peek(0)];
    if (left === undefined || right === undefined) return { matched };
    const skip = meet(a, b, { flags, window });
    if (skip === undefined) {
      if (a.peek(window) === undefined || b.peek(window) === undefined) return { matched };
      return { matched, divergence: describe(left, right, before, flags) };
    }
    const [here, there] = [a.peek(skip[0]), b.peek(skip[1])];
    if (here === undefined || there === undefined) return { matched };
    const registers = differences(here, there, flags);
    if (registers.length > 0) return { matched, divergence: { registers, ours: here, theirs: there, before } };
    matched += 1;
    before.push(here);
    if (before.length > CONTEXT) before.shift();
    a.advance(skip[0] + 1);
    b.advance(skip[1] + 1);
  }
}

/**
 * How far to go in both to the next place that they share: the nearest with equal registers. A string instruction with
 * a prefix is one entry here and one for each turn there, so that the nearest with equal RIP alone would be wrong.
 */
function meet(a: Cursor, b: Cursor, { flags, window }: Required<CompareOptions>): readonly [number, number] | undefined {
  let sameRip: readonly [number, number] | undefined;
  for (let sum = 0; sum < window; sum++) {
    for (let i = 0; i <= sum; i++) {
      const [left, right] = [a.peek(i), b.peek(sum - i)];
      if (left === undefined || right === undefined || left.rip !== right.rip) continue;
      if (differences(left, right, flags).length === 0) return [i, sum - i];
      sameRip ??= [i, sum - i];
    }
    // Far ahead only the same place in a loop would be found, some turns later.
    if (sameRip !== undefined && sum >= sameRip[0] + sameRip[1] + REPEATS) return sameRip;
  }
  return sameRip;
}

/** Turns of a repeated string instruction that may follow one another in one of the traces. */
const REPEATS = 64;

function differences(ours: TraceEntry, theirs: TraceEntry, flags: bigint): string[] {
  const found: string[] = [];
  for (const [name, value] of theirs.registers) {
    const mine = ours.registers.get(name);
    const mask = name === 'EFL' ? flags : 0xffffffffffffffffn;
    if (mine !== undefined && (mine & mask) !== (value & mask)) found.push(name);
  }
  return found;
}

function describe(ours: TraceEntry, theirs: TraceEntry, before: readonly TraceEntry[], flags: bigint): Divergence {
  return { registers: ours.rip === theirs.rip ? differences(ours, theirs, flags) : [], ours, theirs, before };
}

/** A comparison as text. */
export function formatComparison({ matched, divergence }: TraceComparison): string {
  if (divergence === undefined) return `${matched} places agree, to the end of the shorter trace`;
  const { ours, theirs, before, registers } = divergence;
  const hex = (value: bigint | undefined): string => (value ?? 0n).toString(16).padStart(16, '0');
  const what = registers.length === 0 ? 'the paths part' : 'registers differ';
  return [
    `${matched} places agree, then ${what}`,
    ...before.map((entry) => `  agreed at RIP ${hex(entry.rip)} (line ${entry.line})`),
    `  ours   at RIP ${hex(ours.rip)} (line ${ours.line})`,
    `  theirs at RIP ${hex(theirs.rip)} (line ${theirs.line})`,
    ...registers.map((name) => `  ${name.padEnd(3)} ours ${hex(ours.registers.get(name))} theirs ${hex(theirs.registers.get(name))}`),
  ].join('\n');
}

/**
 * As a program: `node --conditions=source tests/support/compare-trace.ts OURS QEMU [flags mask]`, for traces of
 * `xm run --trace OURS --clock instructions` and
 * `qemu-system-x86_64 -accel tcg -icount shift=0 -d cpu,exec,nochain -D QEMU`.
 */
function main([ours, theirs, flags]: readonly string[]): number {
  if (ours === undefined || theirs === undefined) {
    process.stderr.write('usage: compare-trace.ts OURS QEMU [mask of the flags that count]\n');
    return 2;
  }
  const options = flags === undefined ? {} : { flags: BigInt(flags) };
  const comparison = compareTraces(readXylemTrace(readLines(ours)), readQemuTrace(readLines(theirs)), options);
  process.stdout.write(`${formatComparison(comparison)}\n`);
  return comparison.divergence === undefined ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = main(process.argv.slice(2));
