import { resolve } from 'node:path';
import type { ByteSink, PcpuHooks, Platform } from '#sdk';
import { CodeCache, packRequests, unpackRequests } from '#jit';
import { ByteRing } from './byte-ring.ts';
import { ConsoleOutput } from './console-output.ts';
import { crashReport, tripleFaultReason } from './crash-report.ts';
import { Doorbell } from './doorbell.ts';
import { FileOutput } from './file-output.ts';
import { createGuestMachine, type GuestMachine } from './guest-machine.ts';
import { StatsCollector } from './run-stats.ts';
import { type LoopEnd, runSlices, type SliceMachine } from './slice-loop.ts';
import type { PcpuMessage, PcpuTask, RunEnd } from './slice-protocol.ts';
import { TraceWriter } from './trace-writer.ts';
import { Translation, type TranslationMode } from '../machine/translation.ts';

/** One guest on one pCPU, from its first instruction to its end, through all of its resets. */
export class GuestRun {
  readonly #task: PcpuTask;
  readonly #hooks: PcpuHooks;
  readonly #post: (message: PcpuMessage) => void;
  readonly #doorbell: Doorbell;
  readonly #input: ByteRing;
  readonly #output: ConsoleOutput;
  readonly #files = new Map<string, FileOutput>();
  readonly #stats = new StatsCollector();
  readonly #trace: FileOutput | undefined;
  #stderr: number[] = [];
  #machine: GuestMachine;
  readonly #translationMode: TranslationMode | null;
  #translation: Translation | null = null;
  readonly #cache: CodeCache | null;
  #exitCode: number | undefined;

  constructor(task: PcpuTask, hooks: PcpuHooks, post: (message: PcpuMessage) => void, translationMode: TranslationMode | null) {
    this.#task = task;
    this.#translationMode = translationMode;
    this.#cache = task.known === undefined ? null : new CodeCache(unpackRequests(task.known));
    this.#hooks = hooks;
    this.#post = post;
    this.#doorbell = new Doorbell(task.doorbell);
    this.#input = new ByteRing(task.input);
    this.#output = new ConsoleOutput({
      ring: new ByteRing(task.output),
      doorbell: this.#doorbell,
      told: new Int32Array(task.outputTold),
      tell: () => post({ kind: 'output' }),
    });
    this.#trace = task.trace === undefined ? undefined : this.#openFile(task.trace);
    this.#machine = this.#build();
  }

  /** Runs the guest until it ends. */
  toItsEnd(): Omit<RunEnd, 'pluginFailed'> {
    this.#post({ kind: 'booted' });
    for (;;) {
      const end = runSlices(this.#sliceMachine(), this.#doorbell, this.#stats);
      this.#stats.add(this.#machine.core, this.#translation?.stats ?? null);
      if (this.#exitCode !== undefined) return this.#ended({ kind: 'exit', exitCode: this.#exitCode });
      if (end !== 'reset') return this.#ended(this.#describe(end));
      this.#stats.guestReset();
      this.#post({ kind: 'restarted' });
      this.#machine = this.#build();
    }
  }

  /** Writes out the files. */
  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  /** What is left to tell after something threw; files are closed as they are. */
  abandon(): Pick<RunEnd, 'stats'> {
    this.#stats.add(this.#machine.core, this.#translation?.stats ?? null);
    this.#exchange();
    for (const file of this.#files.values()) {
      try {
        file.close();
      } catch {
        // The first failure is the one to report.
      }
    }
    return { stats: this.#finishStats() };
  }

  #describe(end: Exclude<LoopEnd, 'reset'>): Omit<RunEnd, 'pluginFailed'> {
    const { core } = this.#machine;
    if (end === 'shutdown') return { kind: 'triple-fault', report: crashReport(core, tripleFaultReason(core)) };
    if (end === 'dead-halt') {
      const reason = `the guest halted with interrupts off after ${core.executed} instructions: nothing can wake it`;
      return { kind: 'dead-halt', report: crashReport(core, reason) };
    }
    return { kind: end === 'stopped' ? 'stopped' : 'power-off' };
  }

  #ended(end: Omit<RunEnd, 'pluginFailed'>): Omit<RunEnd, 'pluginFailed'> {
    this.#exchange();
    return { ...end, stats: this.#finishStats(), ...(this.#cache === null ? {} : { known: packRequests(this.#cache.contents()) }) };
  }

  #finishStats(): NonNullable<RunEnd['stats']> {
    const { engine, clock, memoryBytes } = this.#task.machine;
    return this.#stats.finish({ engine, clock, guestBytes: memoryBytes });
  }

  #build(): GuestMachine {
    const config = this.#task.machine;
    const machine = createGuestMachine(config, (byte) => this.#output.write(byte));
    if (this.#trace !== undefined) new TraceWriter(machine.core, this.#trace).attach();
    else if (this.#translationMode !== null) this.#translation = new Translation(machine.core, config.index, this.#translationMode, this.#cache);
    this.#hooks.platformCreated.call(this.#platformOf(machine));
    return machine;
  }

  #sliceMachine(): SliceMachine {
    const machine = this.#machine;
    return {
      slice: (instructions) => {
        this.#translation?.betweenSlices();
        const end = machine.slice(instructions);
        return this.#exitCode === undefined ? end : 'power-off';
      },
      executed: () => machine.core.executed,
      exchange: () => this.#exchange(),
      wakes: () => machine.wakes,
      interruptible: () => machine.interruptible,
      nextDeadline: () => machine.timers.nextDeadline(),
      clock: machine.clock,
    };
  }

  #exchange(): void {
    this.#machine.receive(this.#input);
    if (this.#stderr.length > 0) this.#post({ kind: 'stderr', bytes: Uint8Array.from(this.#stderr.splice(0)) });
    this.#output.flush();
  }

  #platformOf(machine: GuestMachine): Platform {
    const stdout: ByteSink = { write: (byte) => this.#output.write(byte) };
    const stderr: ByteSink = { write: (byte) => void this.#stderr.push(byte & 0xff) };
    return {
      ports: machine.ports,
      mmio: machine.mmio,
      clock: machine.clock,
      timers: machine.timers,
      outputs: { stdout, stderr, openFile: (path) => this.#openFile(path) },
      interruptLine: (irq) => machine.interruptLine(irq),
      exit: (code) => {
        this.#exitCode ??= code;
        machine.core.expire();
      },
    };
  }

  /** After a reset of the guest the same file goes on. */
  #openFile(path: string): FileOutput {
    const full = resolve(this.#task.directory, path);
    const file = this.#files.get(full) ?? new FileOutput(full);
    this.#files.set(full, file);
    return file;
  }
}
