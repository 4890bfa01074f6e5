import { resolve } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { Board, CodeCache, type PackedRequests, packRequests, unpackRequests } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import type { ByteSink, Platform } from '#sdk';
import type { EventPeers } from '../event/event-channels.ts';
import { PvhMachine } from '../domain/pvh-machine.ts';
import { hostClock } from '../machine/clock.ts';
import type { SliceEnd } from '../machine/pc-machine.ts';
import { Translation, type TranslationMode } from '../machine/translation.ts';
import { Vcpu } from '../memory/domain-tables.ts';
import { ByteRing } from './byte-ring.ts';
import { ConsoleOutput } from './console-output.ts';
import { crashReport, tripleFaultReason } from './crash-report.ts';
import { DomainBoard } from './domain-board.ts';
import type { Doorbell } from './doorbell.ts';
import { FileOutput } from './file-output.ts';
import type { DomainEnding, HostedVcpuConfig, PcpuReport } from './pcpu-protocol.ts';
import { type RunStats, StatsCollector } from './run-stats.ts';
import { TraceWriter } from './trace-writer.ts';

/** What a hosted vCPU gets of its pCPU. */
export interface VcpuHostParts {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly directory: string;
  readonly pcpu: number;
  readonly doorbell: Doorbell;
  readonly doorbells: readonly Doorbell[];
  readonly port: MessagePort;
  readonly peers: Pick<EventPeers, 'find'>;
  readonly translation: TranslationMode | null;
}

const FIRST_BUDGET = 200_000;
const LEAST_BUDGET = 5_000;
const MOST_BUDGET = 4_000_000;
const FIRST_PER_MS = 100_000;
/** A shorter slice tells nothing about the vCPU's speed. */
const MEASURABLE_MS = 0.2;

/** A vCPU on the pCPU that runs it: its machine, its output, and how fast it is. */
export class HostedVcpu {
  readonly domid: number;
  /** Its number. */
  readonly vcpu: number;
  readonly machine: PvhMachine;
  readonly board: DomainBoard;
  /** The main thread believes that it waits. */
  asleep = false;
  /** The number of the order for which it was told so. */
  blockedAt = -1;
  /** It has ended its domain, and runs no more. */
  ended = false;
  readonly #config: HostedVcpuConfig;
  readonly #parts: VcpuHostParts;
  readonly #cores: Board;
  readonly #output: ConsoleOutput;
  readonly #files = new Map<string, FileOutput>();
  readonly #stats = new StatsCollector();
  readonly #translation: Translation | null;
  readonly #cache: CodeCache | null;
  #stderr: number[] = [];
  #exitCode: number | undefined;
  #perMs = FIRST_PER_MS;

  constructor(config: HostedVcpuConfig, parts: VcpuHostParts) {
    const { handle, engine, clock, vcpu } = config;
    this.domid = handle.domid;
    this.vcpu = vcpu;
    this.#cores = new Board(handle.board);
    this.#config = config;
    this.#parts = parts;
    this.board = new DomainBoard(config.board);
    this.#output = new ConsoleOutput({
      ring: new ByteRing(config.output),
      told: new Int32Array(config.outputTold),
      tell: () => this.#post({ kind: 'output', domid: this.domid }),
      ...(config.outputWaits ? { doorbell: parts.doorbell } : {}),
    });
    this.machine = new PvhMachine({
      module: parts.module,
      index: parts.index,
      memoryBytes: handle.ramBytes,
      clock,
      cpu: config.cpu,
      uuid: config.uuid,
      kernel: new Uint8Array(),
      kernelName: '',
      commandLine: '',
      consoleWrite: (byte) => this.#output.write(byte),
      built: {
        handle,
        boot: config.boot,
        console: { port: config.consolePort },
        store: config.store,
        clock: hostClock(config.startNs),
        startNs: config.startTimeNs,
        peers: { find: parts.peers.find, closed: () => undefined, signal: (port) => this.#signal(port) },
        vcpu,
        kick: (other) => this.#kick(other),
      },
    });
    if (config.trace !== undefined) new TraceWriter(this.machine.core, this.#openFile(config.trace)).attach();
    const isTranslated = config.trace === undefined && parts.translation !== null && engine !== 'interpreter';
    this.#cache = config.known === undefined ? null : new CodeCache(unpackRequests(config.known));
    this.#translation = isTranslated ? new Translation(this.machine.core, parts.index, parts.translation, this.#cache) : null;
  }

  /** Runs for about so many milliseconds. */
  slice(milliseconds: number): SliceEnd | 'exit' {
    const { machine, vcpu } = this;
    const { handle } = this.#config;
    this.#translation?.betweenSlices();
    if (handle.vcpus > 1) this.board.setDead(vcpu, false);
    const budget = machine.clock.real ? Math.round(Math.min(MOST_BUDGET, Math.max(LEAST_BUDGET, this.#perMs * milliseconds))) : FIRST_BUDGET;
    const before = machine.core.executed;
    const start = performance.now();
    const end = machine.slice(budget);
    const ms = performance.now() - start;
    this.#stats.slice(end, ms);
    if (ms >= MEASURABLE_MS) this.#perMs = (this.#perMs + (machine.core.executed - before) / ms) / 2;
    this.flush();
    return this.#exitCode === undefined ? end : 'exit';
  }

  /** Whether it has halted for ever, as have all other vCPUs of the domain: none is left to wake another. */
  get isDomainDead(): boolean {
    if (this.machine.interruptible) return false;
    this.board.setDead(this.vcpu, true);
    const { tables } = this.machine.domain.state;
    const isDead = (vcpu: number): boolean => this.board.isDead(vcpu) || tables.vcpu(vcpu, Vcpu.UP) === 0;
    for (let vcpu = 0; vcpu < this.#config.handle.vcpus; vcpu++) if (!isDead(vcpu) || tables.vcpu(vcpu, Vcpu.START) !== 0) return false;
    return true;
  }

  /** Moves the time of a domain whose time does not pass by itself to its next timer; whether there was one. */
  skipToTimer(): boolean {
    const { clock, timers } = this.machine;
    const deadline = timers.nextDeadline();
    if (clock.real || deadline === null) return false;
    clock.skipTo(deadline);
    return this.machine.attend();
  }

  /** Milliseconds to its next timer. */
  untilTimer(): number {
    const { clock, timers } = this.machine;
    const deadline = timers.nextDeadline();
    return deadline === null || !clock.real ? Number.POSITIVE_INFINITY : (deadline - clock.now()) / 1e6;
  }

  /** Hands output on. */
  flush(): void {
    if (this.#stderr.length > 0) this.#post({ kind: 'stderr', bytes: Uint8Array.from(this.#stderr.splice(0)) });
    this.#output.flush();
  }

  /** It has ended the domain with a slice: what there is to tell of that. */
  endingOf(end: Exclude<SliceEnd, 'budget' | 'halt'> | 'exit' | 'dead-halt'): DomainEnding {
    const { core } = this.machine;
    this.close();
    const stats = this.#itsStats();
    const crashed = (kind: DomainEnding['kind'], reason: string): DomainEnding => ({ kind, report: this.#report(reason), ...stats });
    switch (end) {
      case 'power-off':
        return { kind: 'poweroff', ...stats };
      case 'reset':
        return { kind: 'reboot', ...stats };
      case 'exit':
        return { kind: 'exit', exitCode: this.#exitCode ?? 0, ...stats };
      case 'crash':
        return crashed('crash', `the guest crashed after ${core.executed} instructions, and said so`);
      case 'watchdog':
        return crashed('watchdog', 'the guest did not serve its watchdog for too long');
      case 'shutdown':
        return crashed('triple-fault', tripleFaultReason(core));
      default:
        return crashed('dead-halt', `the guest halted with interrupts off after ${core.executed} instructions: nothing can wake it`);
    }
  }

  /** The domain can't go on by the hypervisor's fault: what there is to tell of it. */
  failed(error: DomainEnding['error'] & object): DomainEnding {
    try {
      this.close();
    } catch {
      // The first failure is the one to report.
    }
    const report = this.#report(`the hypervisor could not go on with the guest: ${error.message}`);
    return { kind: 'failed', error, report, ...this.#itsStats() };
  }

  /** It is taken away: what it has cost, if that is told of it. */
  abandon(): RunStats | undefined {
    try {
      this.close();
    } catch {
      // Nobody waits for what a file could not take.
    }
    return this.#itsStats().stats;
  }

  /** What the next run of its guest should know, when that is kept. */
  get known(): PackedRequests | undefined {
    return this.#cache === null ? undefined : packRequests(this.#cache.contents());
  }

  /** Writes out what is left. */
  close(): void {
    this.flush();
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    this.#config.translator?.close();
  }

  /** What devices of plugins see. */
  platform(): Platform {
    const { machine } = this;
    const stdout: ByteSink = { write: (byte) => this.#output.write(byte) };
    const stderr: ByteSink = { write: (byte) => void this.#stderr.push(byte & 0xff) };
    return {
      ports: machine.platform.ports,
      mmio: machine.platform.mmio,
      clock: machine.clock,
      timers: machine.timers,
      outputs: { stdout, stderr, openFile: (path) => this.#openFile(path) },
      interruptLine: () => machine.interruptLine(),
      exit: (code) => {
        this.#exitCode ??= code;
        machine.core.expire();
      },
    };
  }

  /** Says that it can run again. */
  woken(): void {
    this.asleep = false;
    this.#post({ kind: 'woken', domid: this.domid, vcpu: this.vcpu });
  }

  /** Has another vCPU of the domain look at its events and messages. */
  #kick(other: number): void {
    const { doorbells, pcpu } = this.#parts;
    this.#cores.kick(other);
    this.board.kick(other, doorbells);
    // this thread has to look for it
    if (this.board.homeOf(other) === pcpu) this.machine.core.expire();
  }

  #signal(port: number): void {
    if (this.board.signal(port)) this.#post({ kind: 'signals', domid: this.domid });
  }

  /** The report of a crash; of which vCPU, where there are several. */
  #report(reason: string): string[] {
    const { core } = this.machine;
    return crashReport(core, this.#config.handle.vcpus > 1 ? `vCPU ${this.vcpu}: ${reason}` : reason);
  }

  /** What it has cost: of vCPU 0 only. */
  #itsStats(): { readonly stats?: RunStats } {
    const { engine, clock, handle } = this.#config;
    if (this.vcpu !== 0) return {};
    this.#stats.add(this.machine.core, this.#translation?.stats ?? null);
    return { stats: this.#stats.finish({ engine, clock, guestBytes: handle.ramBytes }) };
  }

  #openFile(path: string): FileOutput {
    const full = resolve(this.#parts.directory, path);
    const file = this.#files.get(full) ?? new FileOutput(full);
    this.#files.set(full, file);
    return file;
  }

  #post(report: PcpuReport): void {
    this.#parts.port.postMessage(report);
  }
}
