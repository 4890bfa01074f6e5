import { pathToFileURL } from 'node:url';
import { readLines, readQemuTrace, readXylemTrace, type TraceEntry } from './trace-readers.ts';

/** What a comparison of two traces found. */
export interface TraceComparison {
  /** Places at which both traces agree, by `pathsOnly` in where they are. */
  readonly matched: number;
  /** With `pathsOnly`: places at which registers differ, the first of them, and at how many each register does. */
  readonly different?: Different;
  /** Where paths parted and met again. */
  readonly detours?: readonly Divergence[];
  /** The first place where they do not, with what went before; missing when one of them ends first. */
  readonly divergence?: Divergence;
}

/** Places on the same path at which registers differ. */
export interface Different {
  readonly count: number;
  readonly first: Divergence;
  readonly registers: Readonly<Record<string, number>>;
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
  /** True when registers that differ don't end the comparison: they hold what machines may differ in, such as CPUID or places of tables. */
  readonly pathsOnly?: boolean;
  /** How long a way round one of them may take, for what it found in its tables, before both are together again; 0 = none. */
  readonly detour?: number;
}

const ALL_FLAGS = 0x3f7fd5n & ~0x10000n;
const CONTEXT = 6;
/** Entries behind a cursor that are kept until there are so many. */
const KEPT = 1 << 16;
/** So many places in a row must be shared for two paths to count as one again. */
const TOGETHER = 12;

/** The registers at the first place that both share. */
interface Start {
  readonly ours: TraceEntry['registers'];
  readonly theirs: TraceEntry['registers'];
}

type Rules = Required<Omit<CompareOptions, 'pathsOnly'>> & { readonly start: Start };

/** Entries of a trace with a look ahead. */
class Cursor {
  readonly #entries: Iterator<TraceEntry>;
  #ahead: TraceEntry[] = [];
  /** The current entry in `#ahead`. */
  #at = 0;

  constructor(entries: Iterable<TraceEntry>) {
    this.#entries = entries[Symbol.iterator]();
  }

  /** The entry `distance` after the current one. */
  peek(distance: number): TraceEntry | undefined {
    while (this.#ahead.length - this.#at <= distance) {
      const next = this.#entries.next();
      if (next.done === true) return undefined;
      this.#ahead.push(next.value);
    }
    return this.#ahead[this.#at + distance];
  }

  advance(count: number): void {
    this.#at += count;
    if (this.#at < KEPT) return;
    this.#ahead = this.#ahead.slice(this.#at);
    this.#at = 0;
  }
}

/**
 * Compares two traces of the same guest. Both are parts of one path through the program, cut at different places: they
 * are aligned by RIP, and where they meet all registers must agree.
 */
export function compareTraces(ours: Iterable<TraceEntry>, theirs: Iterable<TraceEntry>, options: CompareOptions = {}): TraceComparison {
  const { flags = ALL_FLAGS, window = 256, pathsOnly = false, detour = 0 } = options;
  const [a, b] = [new Cursor(ours), new Cursor(theirs)];
  const before: TraceEntry[] = [];
  let matched = 0;
  const detours: Divergence[] = [];
  let different: TraceComparison['different'];
  const end = (rest: Pick<TraceComparison, 'divergence'> = {}): TraceComparison => ({
    matched,
    ...(detours.length === 0 ? {} : { detours }),
    ...(different === undefined ? {} : { different }),
    ...rest,
  });
  const start = synchronise(a, b);
  const rules: Rules = { flags, window, detour, start };
  for (;;) {
    const [left, right] = [a.peek(0), b.peek(0)];
    if (left === undefined || right === undefined) return end();
    const near = meet(a, b, rules);
    const skip = near ?? rejoin(a, b, rules);
    if (near === undefined && skip !== undefined) detours.push(describe(left, right, [...before], rules));
    if (skip === undefined) {
      if (a.peek(window) === undefined || b.peek(window) === undefined) return end();
      return end({ divergence: describe(left, right, before, rules) });
    }
    const [here, there] = [a.peek(skip[0]), b.peek(skip[1])];
    if (here === undefined || there === undefined) return end();
    const registers = differences(here, there, rules);
    if (registers.length > 0) {
      const found = { registers, ours: here, theirs: there, before: [...before] };
      if (!pathsOnly) return end({ divergence: found });
      different = withDifference(different, found);
    }
    matched += 1;
    before.push(here);
    if (before.length > CONTEXT) before.shift();
    a.advance(skip[0] + 1);
    b.advance(skip[1] + 1);
  }
}

function withDifference(before: Different | undefined, found: Divergence): Different {
  const registers = { ...before?.registers };
  for (const name of found.registers) registers[name] = (registers[name] ?? 0) + 1;
  return { count: (before?.count ?? 0) + 1, first: before?.first ?? found, registers };
}

/** How far to go in both to the nearest place that they share. */
function meet(a: Cursor, b: Cursor, rules: Rules): readonly [number, number] | undefined {
  for (let sum = 0; sum < rules.window; sum++) {
    for (let i = 0; i <= sum; i++) {
      const [left, right] = [a.peek(i), b.peek(sum - i)];
      if (left !== undefined && left.rip === right?.rip) return passRepeats(a, b, [i, sum - i], rules);
    }
  }
  return undefined;
}

/** How far to go in both to where they go the same way again, however different the ways there. */
function rejoin(a: Cursor, b: Cursor, { detour }: Rules): readonly [number, number] | undefined {
  const places = new Map<bigint, number[]>();
  for (let j = 0; j < detour; j++) {
    const rip = b.peek(j)?.rip;
    if (rip === undefined) break;
    const list = places.get(rip);
    if (list === undefined) places.set(rip, [j]);
    else if (list.length < 4) list.push(j);
  }
  for (let i = 0; i < detour; i++) {
    const rip = a.peek(i)?.rip;
    if (rip === undefined) return undefined;
    for (const j of places.get(rip) ?? []) if (together(a, b, i, j)) return [i, j];
  }
  return undefined;
}

/** Whether both go the same way from here on, blocks that end at other places aside. */
function together(a: Cursor, b: Cursor, i: number, j: number): boolean {
  const ahead = Array.from({ length: 4 * TOGETHER }, (_, k) => b.peek(j + k)?.rip);
  let from = 0;
  for (let k = 0; k < TOGETHER; k++) {
    const at = ahead.indexOf(a.peek(i + k)?.rip, from);
    if (at < 0 || at > from + 3) return false;
    from = at + 1;
  }
  return true;
}

/**
 * A repeated string instruction is entered anew after an interrupt, by some machines after each turn. Of the entries
 * with the same RIP in a row, the first is taken that agrees.
 */
function passRepeats(a: Cursor, b: Cursor, [i, j]: readonly [number, number], rules: Rules): readonly [number, number] {
  const rip = a.peek(i)?.rip;
  const agrees = (left: TraceEntry | undefined, right: TraceEntry | undefined): boolean =>
    left !== undefined && right !== undefined && differences(left, right, rules).length === 0;
  for (let k = 0; b.peek(j + k)?.rip === rip; k++) if (agrees(a.peek(i), b.peek(j + k))) return [i, j + k];
  for (let k = 0; a.peek(i + k)?.rip === rip; k++) if (agrees(a.peek(i + k), b.peek(j))) return [i + k, j];
  return [i, j];
}

/** Lets the other side run through its firmware: to the first place of ours. */
function synchronise(a: Cursor, b: Cursor): Start {
  const first = a.peek(0);
  for (let other = b.peek(0); first !== undefined && other !== undefined && other.rip !== first.rip; other = b.peek(0)) b.advance(1);
  return { ours: first?.registers ?? new Map(), theirs: b.peek(0)?.registers ?? new Map() };
}

/** Loaders may leave different values in registers; as long as both keep them, that is no divergence. */
function differences(ours: TraceEntry, theirs: TraceEntry, { flags, start }: Rules): string[] {
  const found: string[] = [];
  for (const [name, value] of theirs.registers) {
    const mine = ours.registers.get(name);
    const mask = name === 'EFL' ? flags : 0xffffffffffffffffn;
    if (mine === undefined || (mine & mask) === (value & mask)) continue;
    if (mine !== start.ours.get(name) || value !== start.theirs.get(name)) found.push(name);
  }
  return found;
}

function describe(ours: TraceEntry, theirs: TraceEntry, before: readonly TraceEntry[], rules: Rules): Divergence {
  return { registers: ours.rip === theirs.rip ? differences(ours, theirs, rules) : [], ours, theirs, before };
}

const hex = (value: bigint | undefined): string => (value ?? 0n).toString(16).padStart(16, '0');

/** A comparison as text: what came of it in the first line. */
export function formatComparison({ matched, divergence, different, detours = [] }: TraceComparison): string {
  const ways = detours.length === 0 ? '' : `, with ${detours.length} detours (the first behind RIP ${hex(detours[0]?.before.at(-1)?.rip)})`;
  const most = Object.entries(different?.registers ?? {})
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3)
    .map(([name, count]) => `${name} at ${count}`);
  const first = different?.first;
  const values =
    first === undefined ? '' : `, ${different?.count} of them with other values (first ${first.registers} at RIP ${hex(first.ours.rip)}; ${most.join(', ')})`;
  const agreed = `${matched} places agree${values}${ways}`;
  if (divergence === undefined) return `${agreed}, to the end of the shorter trace`;
  const { ours, theirs, before, registers } = divergence;
  const what = registers.length === 0 ? 'the paths part' : 'registers differ';
  return [
    `${agreed}, then ${what}`,
    ...before.map((entry) => `  agreed at RIP ${hex(entry.rip)} (line ${entry.line})`),
    `  ours   at RIP ${hex(ours.rip)} (line ${ours.line})`,
    `  theirs at RIP ${hex(theirs.rip)} (line ${theirs.line})`,
    ...registers.map((name) => `  ${name.padEnd(3)} ours ${hex(ours.registers.get(name))} theirs ${hex(theirs.registers.get(name))}`),
  ].join('\n');
}

/**
 * As a program: `node --conditions=source tests/support/compare-trace.ts OURS QEMU [flags mask]`, for traces of
 * `xm run --trace OURS --clock instructions` and
 * `qemu-system-x86_64 -accel tcg -icount shift=0 -d cpu,exec,nochain -D QEMU`, for instance with `-dfilter 0x100000+0x1000000`.
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
