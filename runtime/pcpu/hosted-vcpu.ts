import type { ByteSink, Platform } from '#sdk';
import { PvhMachine } from '../domain/pvh-machine.ts';
import { hostClock } from '../machine/clock.ts';
import type { SliceEnd } from '../machine/pc-machine.ts';
import { NOWHERE, RecordState } from './domain-board.ts';
import type { HostedDomain } from './hosted-domain.ts';
import { recordOf } from './vcpu-records.ts';

/** Cores that a domain can have; more pCPUs than that never run the same one. */
export const MOST_CORES = 32;

const FIRST_BUDGET = 200_000;
const LEAST_BUDGET = 5_000;
const MOST_BUDGET = 4_000_000;
const FIRST_PER_MS = 100_000;
/** A shorter slice tells nothing about the vCPU's speed. */
const MEASURABLE_MS = 0.2;

/** A vCPU on a pCPU that runs it, or did: its machine, and how fast it is. The board says which pCPU has it. */
export class HostedVcpu {
  readonly domain: HostedDomain;
  /** Its number. */
  readonly vcpu: number;
  readonly machine: PvhMachine;
  /** The main thread believes that it waits. */
  asleep = false;
  /** The number of the order for which it was told so, and of that for which it was told that it gave way. */
  blockedAt = -1;
  yieldedAt = -1;
  #perMs = FIRST_PER_MS;

  constructor(domain: HostedDomain, vcpu: number) {
    const { config, parts } = domain;
    const { handle, clock } = config;
    this.domain = domain;
    this.vcpu = vcpu;
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
      consoleWrite: (byte) => domain.output.write(byte),
      built: {
        handle,
        boot: config.boot,
        console: { port: config.consolePort },
        store: config.store,
        clock: hostClock(config.startNs),
        startNs: config.startTimeNs,
        peers: { find: parts.peers.find, closed: () => undefined, signal: (port) => domain.signal(port) },
        vcpu,
        kick: (other) => domain.kick(other),
        place: {
          ...recordOf(config.records, vcpu),
          seat: domain.seat,
          core: parts.pcpu % MOST_CORES,
          kicked: () => parts.kicked(),
        },
      },
    });
  }

  get domid(): number {
    return this.domain.domid;
  }

  /** The pCPU has taken it: it begins, or goes on where it was. */
  arrive(): void {
    const { domain, vcpu, machine } = this;
    if (domain.board.recordState(vcpu) === RecordState.EMPTY) machine.begin();
    else machine.load();
    domain.board.forgetWanted(vcpu);
    this.touch();
    this.asleep = false;
    this.blockedAt = -1;
  }

  /** Something is about to change it: its record is not it any more. */
  touch(): void {
    this.domain.board.setRecordState(this.vcpu, RecordState.STALE);
  }

  /** It stays here, and waits: if the pCPU is lost, it can go on elsewhere. */
  settle(): void {
    this.machine.save();
    this.domain.board.setRecordState(this.vcpu, RecordState.SAVED);
  }

  /** It may go elsewhere. */
  letGo(): void {
    this.machine.leave();
    this.domain.board.setRecordState(this.vcpu, RecordState.SAVED);
    const wanting = this.domain.board.letGo(this.vcpu);
    if (wanting !== NOWHERE) this.domain.parts.nudge(wanting);
  }

  /** Runs for about so many milliseconds. */
  slice(milliseconds: number): SliceEnd | 'exit' {
    const { machine, domain, vcpu } = this;
    machine.sit();
    domain.beforeSlice(vcpu);
    const budget = machine.clock.real ? Math.round(Math.min(MOST_BUDGET, Math.max(LEAST_BUDGET, this.#perMs * milliseconds))) : FIRST_BUDGET;
    const before = machine.core.executed;
    const start = performance.now();
    const end = machine.slice(budget);
    const ms = performance.now() - start;
    const executed = machine.core.executed - before;
    if (ms >= MEASURABLE_MS) this.#perMs = (this.#perMs + executed / ms) / 2;
    domain.afterSlice(end, ms, executed);
    return domain.exitCode === undefined ? end : 'exit';
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

  /** What devices of plugins see. */
  platform(): Platform {
    const { machine, domain } = this;
    const stdout: ByteSink = { write: (byte) => domain.output.write(byte) };
    const stderr: ByteSink = { write: (byte) => domain.writeError(byte) };
    return {
      ports: machine.platform.ports,
      mmio: machine.platform.mmio,
      clock: machine.clock,
      timers: machine.timers,
      outputs: { stdout, stderr, openFile: (path) => domain.files.open(path) },
      interruptLine: () => machine.interruptLine(),
      exit: (code) => {
        domain.exitCode ??= code;
        machine.core.expire();
      },
    };
  }

  /** Says that it can run again. */
  woken(): void {
    this.asleep = false;
    this.domain.post({ kind: 'woken', domid: this.domid, vcpu: this.vcpu });
  }
}
