import type { TranslatorStats, VcpuCore } from '#jit';
import * as L from '#jit/layout';

/** What one run cost and where it went. All counts are over the whole run, resets of the guest included. */
export interface RunStats {
  readonly engine: string;
  readonly clock: string;
  readonly instructions: number;
  /** `cpu` is the processor time of the pCPU's thread since it was started, translators not counted. */
  readonly seconds: { readonly total: number; readonly running: number; readonly idle: number; readonly cpu: number };
  readonly millionInstructionsPerSecond: number;
  readonly blocksDecoded: number;
  readonly blockCacheResets: number;
  readonly tlbMisses: number;
  readonly tlbFlushes: number;
  readonly pageFaults: number;
  readonly mmioAccesses: number;
  readonly jumpCacheMisses: number;
  /** Slices by why they ended. */
  readonly slices: Readonly<Record<string, number>>;
  /** Returns of the vCPU to its host loop by reason. */
  readonly exits: Readonly<Record<string, number>>;
  readonly guestResets: number;
  readonly memory: { readonly guestBytes: number; readonly machineStateBytes: number; readonly rssBytes: number; readonly peakRssBytes: number };
  /** What the translator says of itself; null without one. */
  readonly translator: TranslatorStats | null;
}

const EXIT_NAMES = ['budget', 'fault', 'halt', 'shutdown', 'lookup'];

/** What a run cost that went on in several places at once. */
export function combineStats(parts: readonly RunStats[]): RunStats | undefined {
  const [first, ...rest] = parts;
  if (first === undefined) return undefined;
  const sum = rest.reduce<RunStats>((a, b) => addNumbers(a, b), first);
  const { total } = parts.reduce((a, b) => (a.seconds.total > b.seconds.total ? a : b)).seconds;
  const { running } = sum.seconds;
  return {
    ...sum,
    seconds: { ...sum.seconds, total },
    millionInstructionsPerSecond: running > 0 ? sum.instructions / running / 1e6 : 0,
    memory: { ...first.memory, machineStateBytes: sum.memory.machineStateBytes },
  };
}

/** Adds whatever are numbers on both sides, in depth; the rest is as on the left. */
function addNumbers<T>(a: T, b: T): T {
  if (typeof a === 'number' && typeof b === 'number') return (a + b) as T;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a ?? b;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof T>;
  return Object.fromEntries([...keys].map((key) => [key, key in a ? addNumbers(a[key], b[key]) : b[key]])) as T;
}

/** Collects the counters of a run, over all the machines that it made. */
export class StatsCollector {
  readonly #started = performance.now();
  readonly #counts = { instructions: 0, decoded: 0, resets: 0, miss: 0, flush: 0, pageFault: 0, mmio: 0, jump: 0 };
  readonly #slices: Record<string, number> = {};
  readonly #exits: Record<string, number> = {};
  #running = 0;
  #idle = 0;
  #guestResets = 0;
  #translator: TranslatorStats | null = null;

  /** Notes a slice that took `milliseconds`. */
  slice(end: string, milliseconds: number): void {
    this.#slices[end] = (this.#slices[end] ?? 0) + 1;
    this.#running += milliseconds;
  }

  /** Notes that the vCPU waited. */
  waited(milliseconds: number): void {
    this.#idle += milliseconds;
  }

  /** Notes that the guest reset itself. */
  guestReset(): void {
    this.#guestResets += 1;
  }

  /** Adds the counters of a machine that will not run again; `instructions` where others than these ran on its core. */
  add(core: VcpuCore, translator: TranslatorStats | null, instructions = core.executed): void {
    const stat = (at: number): number => Number(core.view.getBigUint64(at, true));
    const counts = this.#counts;
    counts.instructions += instructions;
    counts.decoded += core.blocks.decoded;
    counts.resets += core.blocks.resets;
    counts.miss += stat(L.STAT_TLB_MISS);
    counts.flush += stat(L.STAT_TLB_FLUSH);
    counts.pageFault += stat(L.STAT_PAGE_FAULT);
    counts.mmio += stat(L.STAT_MMIO);
    counts.jump += stat(L.STAT_JUMP_CACHE_MISS);
    for (const [i, name] of EXIT_NAMES.entries()) this.#exits[name] = (this.#exits[name] ?? 0) + (core.exits[i] ?? 0);
    this.#translator = translator ?? this.#translator;
  }

  /** The result. */
  finish(facts: { readonly engine: string; readonly clock: string; readonly guestBytes: number }): RunStats {
    const counts = this.#counts;
    const running = this.#running / 1000;
    const cpu = process.threadCpuUsage();
    return {
      engine: facts.engine,
      clock: facts.clock,
      instructions: counts.instructions,
      seconds: { total: (performance.now() - this.#started) / 1000, running, idle: this.#idle / 1000, cpu: (cpu.user + cpu.system) / 1e6 },
      millionInstructionsPerSecond: running > 0 ? counts.instructions / running / 1e6 : 0,
      blocksDecoded: counts.decoded,
      blockCacheResets: counts.resets,
      tlbMisses: counts.miss,
      tlbFlushes: counts.flush,
      pageFaults: counts.pageFault,
      mmioAccesses: counts.mmio,
      jumpCacheMisses: counts.jump,
      slices: this.#slices,
      exits: this.#exits,
      guestResets: this.#guestResets,
      memory: {
        guestBytes: facts.guestBytes,
        machineStateBytes: L.STATE_PAGES * 65536,
        rssBytes: process.memoryUsage.rss(),
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
      },
      translator: this.#translator,
    };
  }
}
