import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type CompareOptions, compareTraces, formatComparison, type TraceComparison } from './compare-trace.ts';
import { readLines, readQemuTrace, readXylemTrace, type TraceEntry } from './trace-readers.ts';
import { XM } from './xm.ts';

/** A Linux guest that both run, and what of it is compared. */
export interface BootComparison extends CompareOptions {
  readonly kernel: string;
  readonly ramdisk: string;
  readonly commandLine: string;
  /** Loaders put a kernel at different places: comparing begins where both come to an address in this range. */
  readonly from: readonly [first: bigint, last: bigint];
  /** Most entries of ours. */
  readonly most: number;
}

const MEMORY = '256';
/** What both say in CPUID, as far as that goes. */
const OUR_CPU = 'nehalem';
const QEMU_CPU = 'Nehalem';

/**
 * Boots a guest here and in QEMU and compares their traces while they are written; nothing is kept on disk. Both count time in
 * instructions, so that a run is like the next.
 */
export function compareBoot(request: BootComparison): TraceComparison {
  const directory = mkdtempSync(join(tmpdir(), 'xylem-trace-'));
  const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')];
  execFileSync('mkfifo', [ours, theirs]);
  const { kernel, ramdisk, commandLine, from, most } = request;
  const [command = '', ...first] = XM;
  const words = ['run', '--kernel', kernel, '--ramdisk', ramdisk, '--extra', commandLine, '--memory', MEMORY, '--cpu', OUR_CPU];
  const children = [
    spawn(command, [...first, ...words, '--clock', 'instructions', '--trace', ours], { stdio: 'ignore' }),
    spawn('qemu-system-x86_64', [...qemuWords(request), '-D', theirs], { stdio: 'ignore' }),
  ];
  try {
    const mine = take(collapse(after(from, readXylemTrace(readLines(ours)))), most);
    return compareTraces(mine, collapse(after(from, readQemuTrace(readLines(theirs)))), request);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
}

/** TBs are not chained, so that each is logged; firmware below the kernel is not. */
function qemuWords({ kernel, ramdisk, commandLine, from }: BootComparison): string[] {
  const machine = [
    '-accel',
    'tcg',
    '-icount',
    'shift=0',
    '-cpu',
    QEMU_CPU,
    '-m',
    MEMORY,
    '-display',
    'none',
    '-serial',
    'null',
    '-monitor',
    'none',
    '-no-reboot',
  ];
  const log = ['-d', 'cpu,exec,nochain', '-dfilter', `0x${from[0].toString(16)}+0x10000000,0xffffffff80000000+0x7fffffff`];
  return [...machine, '-kernel', kernel, '-initrd', ramdisk, '-append', commandLine, ...log];
}

/** Entries from the first in a range on. */
function* after([first, last]: BootComparison['from'], entries: Iterable<TraceEntry>): Generator<TraceEntry> {
  let begun = false;
  for (const entry of entries) {
    begun ||= entry.rip >= first && entry.rip <= last;
    if (begun) yield entry;
  }
}

/**
 * Of entries in a row at the same place the first: QEMU comes back to a repeated string instruction after each turn, which for
 * clearing memory are millions.
 */
function* collapse(entries: Iterable<TraceEntry>): Generator<TraceEntry> {
  let last: bigint | undefined;
  for (const entry of entries) {
    if (entry.rip !== last) yield entry;
    last = entry.rip;
  }
}

function* take(entries: Iterable<TraceEntry>, most: number): Generator<TraceEntry> {
  let left = most;
  for (const entry of entries) {
    if (left-- <= 0) return;
    yield entry;
  }
}

/** As a program: `node --conditions=source tests/support/compare-boot.ts KERNEL RAMDISK FIRST LAST [entries]`, addresses in hex. */
function main([kernel, ramdisk, first, last, most = '1000000']: readonly string[]): number {
  if (kernel === undefined || ramdisk === undefined || first === undefined || last === undefined) {
    process.stderr.write('usage: compare-boot.ts KERNEL RAMDISK FIRST LAST [entries]\n');
    return 2;
  }
  const from = [BigInt(`0x${first}`), BigInt(`0x${last}`)] as const;
  const comparison = compareBoot({ kernel, ramdisk, from, most: Number(most), commandLine: 'console=ttyS0 nokaslr', pathsOnly: true, detour: 100_000 });
  process.stdout.write(`${formatComparison(comparison)}\n`);
  return comparison.divergence === undefined ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = main(process.argv.slice(2));
