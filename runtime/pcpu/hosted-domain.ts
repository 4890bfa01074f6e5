import type { MessagePort } from 'node:worker_threads';
import { CodeCache, type PackedRequests, packRequests, unpackRequests } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import type { DomainCore } from '../domain/domain-core.ts';
import type { EventPeers } from '../event/event-channels.ts';
import type { SliceEnd } from '../machine/pc-machine.ts';
import { Translation, type TranslationMode } from '../machine/translation.ts';
import { Vcpu } from '../memory/domain-tables.ts';
import { ByteRing } from './byte-ring.ts';
import { ConsoleOutput } from './console-output.ts';
import { crashReport, tripleFaultReason } from './crash-report.ts';
import { DomainBoard } from './domain-board.ts';
import { DomainFiles } from './domain-files.ts';
import type { Doorbell } from './doorbell.ts';
import { HostedVcpu } from './hosted-vcpu.ts';
import type { DomainEnding, HostedDomainConfig, PcpuReport } from './pcpu-protocol.ts';
import { type RunStats, StatsCollector } from './run-stats.ts';
import { TraceWriter } from './trace-writer.ts';

/** What a domain gets of the pCPU that runs vCPUs of it. */
export interface DomainHostParts {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly directory: string;
  readonly pcpu: number;
  readonly doorbell: Doorbell;
  readonly port: MessagePort;
  readonly peers: Pick<EventPeers, 'find'>;
  readonly translation: TranslationMode | null;
  /** Has another pCPU look at once, whatever it runs. */
  nudge(pcpu: number): void;
  /** The core was kicked: what runs is to stop when the pCPU itself has something to do. */
  kicked(): void;
  /** The pCPU waits within a slice, for whoever reads a console. */
  waiting(): void;
}

/** How a slice can end a domain. */
export type FatalEnd = Exclude<SliceEnd, 'budget' | 'halt'> | 'exit' | 'dead-halt';

/** A domain on a pCPU that runs vCPUs of it: the core that they share there, with its code, and their output. */
export class HostedDomain {
  readonly domid: number;
  readonly config: HostedDomainConfig;
  readonly parts: DomainHostParts;
  readonly board: DomainBoard;
  readonly output: ConsoleOutput;
  readonly files: DomainFiles;
  /** It has ended here, and none of its vCPUs runs here any more. */
  ended = false;
  /** What a device of a plugin asked for. */
  exitCode: number | undefined;
  readonly #vcpus = new Map<number, HostedVcpu>();
  readonly #stats = new StatsCollector();
  readonly #cache: CodeCache | null;
  #translation: Translation | null = null;
  #trace: TraceWriter | undefined;
  #seat: DomainCore | undefined;
  #instructions = 0;
  #stderr: number[] = [];

  constructor(config: HostedDomainConfig, parts: DomainHostParts) {
    this.domid = config.handle.domid;
    this.config = config;
    this.parts = parts;
    this.board = new DomainBoard(config.board);
    this.files = new DomainFiles(parts.directory);
    this.output = new ConsoleOutput({
      ring: new ByteRing(config.output),
      told: new Int32Array(config.outputTold),
      tell: () => this.post({ kind: 'output', domid: this.domid }),
      ...(config.outputWaits ? { doorbell: parts.doorbell, waiting: () => parts.waiting() } : {}),
    });
    this.#cache = config.known === undefined ? null : new CodeCache(unpackRequests(config.known));
  }

  /** The core that its vCPUs share here, once there is one. */
  get seat(): DomainCore | undefined {
    return this.#seat;
  }

  /** One of its vCPUs; `created` is called before it is used for the first time here. */
  vcpu(id: number, created: (vcpu: HostedVcpu) => void): HostedVcpu {
    const there = this.#vcpus.get(id);
    if (there !== undefined) return there;
    const vcpu = new HostedVcpu(this, id);
    if (this.#seat === undefined) this.#takeSeat(vcpu.machine.seat);
    created(vcpu);
    this.#vcpus.set(id, vcpu);
    return vcpu;
  }

  /** Before a slice of a vCPU: code that came back from the translator; a trace is of vCPU 0. */
  beforeSlice(vcpu: number): void {
    this.#translation?.betweenSlices();
    if (this.config.handle.vcpus > 1) this.board.setDead(vcpu, false);
    if (vcpu === 0) this.#trace?.attach();
    else this.#trace?.detach();
  }

  /** After a slice. */
  afterSlice(end: SliceEnd, ms: number, instructions: number): void {
    this.#stats.slice(end, ms);
    this.#instructions += instructions;
    this.flush();
  }

  /** Whether all its vCPUs have halted for ever, now that this one has: none is left to wake another. */
  isDead(halted: HostedVcpu): boolean {
    if (halted.machine.interruptible) return false;
    this.board.setDead(halted.vcpu, true);
    const { tables } = halted.machine.domain.state;
    const isDead = (vcpu: number): boolean => this.board.isDead(vcpu) || tables.vcpu(vcpu, Vcpu.UP) === 0;
    for (let vcpu = 0; vcpu < this.config.handle.vcpus; vcpu++) if (!isDead(vcpu) || tables.vcpu(vcpu, Vcpu.START) !== 0) return false;
    return true;
  }

  /** Has another of its vCPUs look at its events and messages. */
  kick(vcpu: number): void {
    const { parts, board } = this;
    board.kick(vcpu);
    const home = board.homeOf(vcpu);
    if (home === parts.pcpu) this.#seat?.core.expire();
    else if (home >= 0) parts.nudge(home);
  }

  /** It signals a port to a backend. */
  signal(port: number): void {
    if (this.board.signal(port)) this.post({ kind: 'signals', domid: this.domid });
  }

  /** A device of a plugin writes to the standard error. */
  writeError(byte: number): void {
    this.#stderr.push(byte & 0xff);
  }

  /** Hands output on. */
  flush(): void {
    if (this.#stderr.length > 0) this.post({ kind: 'stderr', bytes: Uint8Array.from(this.#stderr.splice(0)) });
    this.output.flush();
  }

  /** One of its vCPUs has ended it: what there is to tell of that. */
  endingOf(vcpu: HostedVcpu, end: FatalEnd): DomainEnding {
    this.ended = true;
    this.close();
    const { core } = vcpu.machine;
    const crashed = (kind: DomainEnding['kind'], reason: string): DomainEnding => ({ kind, report: this.#report(vcpu, reason) });
    switch (end) {
      case 'power-off':
        return { kind: 'poweroff' };
      case 'reset':
        return { kind: 'reboot' };
      case 'exit':
        return { kind: 'exit', exitCode: this.exitCode ?? 0 };
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

  /** It can't go on by the hypervisor's fault: what there is to tell of it. */
  failed(error: DomainEnding['error'] & object, vcpu?: HostedVcpu): DomainEnding {
    this.ended = true;
    try {
      this.close();
    } catch {
      // The first failure is the one to report.
    }
    const reason = `the hypervisor could not go on with the guest: ${error.message}`;
    return { kind: 'failed', error, ...(vcpu === undefined ? {} : { report: this.#report(vcpu, reason) }) };
  }

  /** It is gone, or goes on without this pCPU: what it has cost here. */
  abandon(): RunStats | undefined {
    try {
      this.close();
    } catch {
      // Nobody waits for what a file could not take.
    }
    if (this.#seat === undefined) return undefined;
    const { engine, clock, handle } = this.config;
    this.#stats.add(this.#seat.core, this.#translation?.stats ?? null, this.#instructions);
    return this.#stats.finish({ engine, clock, guestBytes: handle.ramBytes });
  }

  /** What the next run of its guest should know, when that is kept. */
  get known(): PackedRequests | undefined {
    return this.#cache === null ? undefined : packRequests(this.#cache.contents());
  }

  /** Writes out what is left. */
  close(): void {
    this.flush();
    this.files.close();
    this.config.translator?.close();
  }

  post(report: PcpuReport): void {
    this.parts.port.postMessage(report);
  }

  #takeSeat(seat: DomainCore): void {
    const { config, parts } = this;
    this.#seat = seat;
    if (config.trace !== undefined) this.#trace = new TraceWriter(seat.core, this.files.open(config.trace));
    else if (parts.translation !== null && config.engine !== 'interpreter') {
      this.#translation = new Translation(seat.core, parts.index, parts.translation, this.#cache);
    }
  }

  /** The report of a crash; of which vCPU, where there are several. */
  #report({ machine, vcpu }: HostedVcpu, reason: string): string[] {
    machine.sit();
    return crashReport(machine.core, this.config.handle.vcpus > 1 ? `vCPU ${vcpu}: ${reason}` : reason);
  }
}
