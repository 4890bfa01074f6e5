import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { type AnyParameters, type BackendStats, formatAffinity, HypervisorError } from '#sdk';
import type { LifecycleAction, LifecycleActions } from '../domain/lifecycle.ts';
import type { DomainEnding } from '../pcpu/pcpu-protocol.ts';
import { fromPlainError } from '../pcpu/plain-error.ts';
import type { RunStats } from '../pcpu/run-stats.ts';
import { type CheckedConfig, checkCpus, checkPcpus } from './check-config.ts';
import { type DomainLife, type DomainServices, schedulingRefused } from './domain-life.ts';
import { GuestConsole } from './guest-console.ts';

/** Why a domain ended. */
export interface DomainEnd {
  /** `poweroff`, `reboot`, `crash`, `watchdog`, `exit` by the guest; `destroyed` by its operator; `failed` by the hypervisor. */
  readonly reason: 'poweroff' | 'reboot' | 'crash' | 'watchdog' | 'exit' | 'destroyed' | 'failed';
  /** After a crash: why, registers, code, and where the vCPU was before. */
  readonly report?: readonly string[];
  /** Of `failed`. */
  readonly error?: HypervisorError;
  /** Of `exit`: what a device asked for. */
  readonly exitCode?: number;
  /** What its last life cost. */
  readonly stats?: RunStats;
}

/** What a domain tells. */
export interface DomainEvents {
  /** It has begun anew, with another number. */
  restarted: [];
  /** It has ended itself, and stays or begins anew as its configuration says. */
  stopped: [DomainEnd];
  /** It is gone. */
  ended: [DomainEnd];
  /** Its state is another one: `r`, `b`, `p`, `s`, `c`, `d`. */
  stateChanged: [string];
}

/** What a guest can be asked for. */
export type ShutdownRequest = 'poweroff' | 'halt' | 'reboot' | 'crash';

const SHUTDOWN_REQUESTS: readonly ShutdownRequest[] = ['poweroff', 'halt', 'reboot', 'crash'];
/** A guest that crashes sooner than this after its beginning is not begun anew: it would crash for ever. */
const LEAST_LIFE_MS = 1000;

/** What a domain gets of its hypervisor. */
export interface DomainOwner {
  readonly services: DomainServices;
  /** Begins a life with the next number. */
  beginLife(config: CheckedConfig, console: GuestConsole): Promise<DomainLife>;
  /** The domain is gone. */
  gone(domain: Domain): void;
}

/** A domain: from its creation until it is gone. It stays the same object when the guest begins anew. */
export class Domain extends EventEmitter<DomainEvents> {
  readonly #owner: DomainOwner;
  readonly #config: CheckedConfig;
  readonly #console = new GuestConsole();
  readonly #finished = Promise.withResolvers<DomainEnd>();
  #life: DomainLife | undefined;
  #domid = -1;
  #begun = 0;
  #earlierNs = 0;
  #paused: boolean;
  #stopped: 'no' | 'shutdown' | 'crashed' = 'no';
  #dying: Promise<void> | undefined;
  #lastStats: RunStats | undefined;
  #shown = '';

  /** For the hypervisor: `createDomain` makes domains. */
  constructor(owner: DomainOwner, config: CheckedConfig) {
    super();
    this.#owner = owner;
    this.#config = config;
    this.#paused = config.paused;
  }

  /** For the hypervisor: builds it and lets it run. */
  async begin(): Promise<void> {
    const life = await this.#owner.beginLife(this.#config, this.#console);
    this.#life = life;
    this.#domid = life.domid;
    this.#begun = performance.now();
    this.#stopped = 'no';
    life.setPaused(this.#paused);
    this.#showState();
  }

  /** Its number. A domain that begins anew gets another. */
  get id(): number {
    return this.#domid;
  }

  /** Its name. */
  get name(): string {
    return this.#config.name;
  }

  /** Its UUID, which stays. */
  get uuid(): string {
    return this.#config.uuid;
  }

  /** Its memory. */
  get memoryBytes(): number {
    return this.#config.memoryBytes;
  }

  /** Its console: what the guest writes can be read, what is written the guest reads. */
  get console(): Duplex {
    return this.#console;
  }

  /** Kept when it is gone. */
  get ended(): Promise<DomainEnd> {
    return this.#finished.promise;
  }

  /** Its state as `xm list` shows it: `r` running, `b` blocked, `p` paused, `s` shut down, `c` crashed, `d` dying; `-` for each that it is not. */
  get state(): string {
    const { dispatcher } = this.#owner.services;
    const vcpus = this.#life?.vcpus ?? [];
    const isRunning = vcpus.some((vcpu) => dispatcher.isRunning(vcpu));
    const isBlocked = !isRunning && vcpus.length > 0 && vcpus.every((vcpu) => dispatcher.isBlocked(vcpu));
    const flags = [isRunning, isBlocked, this.#paused, this.#stopped === 'shutdown', this.#stopped === 'crashed', this.#dying !== undefined];
    return [...'rbpscd'].map((letter, i) => (flags[i] ? letter : '-')).join('');
  }

  /** CPU time in nanoseconds that all its vCPUs have had, over all its lives. */
  get cpuTimeNs(): number {
    return this.#earlierNs + (this.#life?.cpuTimeNs ?? 0);
  }

  /** The parameters that the scheduler has for it. */
  get scheduling(): AnyParameters {
    return this.#owner.services.dispatcher.slot.domainParameters(this.#domid) ?? {};
  }

  /**
   * Changes parameters that the scheduler has for it; from now on.
   *
   * @throws HypervisorError `HV_ERR_SCHEDULER_PARAMETER`, and nothing is changed
   */
  setScheduling(changes: AnyParameters): void {
    this.#alive('be given parameters');
    const refused = this.#owner.services.dispatcher.adjust(this.#domid, changes);
    if (refused !== undefined) throw schedulingRefused(refused);
  }

  /** The pCPUs that each of its vCPUs may run on, as {@link setAffinity} takes them. */
  get affinity(): readonly string[] {
    return (this.#life?.affinities ?? []).map((each) => formatAffinity(each));
  }

  /**
   * Changes the pCPUs that a vCPU may run on, or all of them, as `xm vcpu-pin` does; from now on.
   *
   * @param cpus - `all`, or numbers and ranges of which `^` takes some away: `0-3,^1`
   * @throws HypervisorError `HV_ERR_DOMAIN_CONFIG` or `HV_ERR_DOMAIN_STATE`, and nothing is changed
   */
  setAffinity(vcpu: number | 'all', cpus: string): void {
    const life = this.#alive('be given pCPUs');
    const affinity = checkCpus(cpus, 'cpus');
    checkPcpus(affinity, this.#owner.services.links().length, 'cpus');
    const chosen = life.vcpus.filter(({ vcpuId }) => vcpu === 'all' || vcpuId === vcpu);
    if (chosen.length === 0) {
      throw new HypervisorError('HV_ERR_DOMAIN_CONFIG', `domain ${this.name} has no vCPU ${vcpu}; it has ${life.vcpus.length}`, {
        hint: 'vCPUs are counted from 0; all stands for each of them',
      });
    }
    for (const each of chosen) life.setAffinity(each, affinity);
  }

  /** What its devices have counted, by name: `vbd-51712`. */
  get deviceStats(): Readonly<Record<string, BackendStats>> {
    return this.#life?.devices.stats() ?? {};
  }

  /** Keeps it from running; kept when it has stopped. */
  async pause(): Promise<void> {
    const life = this.#alive('be paused');
    this.#paused = true;
    life.setPaused(true);
    this.#showState();
    await Promise.all([...life.hosts].map((pcpu) => this.#owner.services.settled(pcpu)));
  }

  /** Lets it run again. */
  unpause(): void {
    const life = this.#alive('be unpaused');
    this.#paused = false;
    if (this.#stopped === 'no') life.setPaused(false);
    this.#showState();
  }

  /**
   * Asks its guest to end itself, as `xm shutdown` does; {@link ended} tells when it has. A guest may take its time.
   *
   * @throws HypervisorError `HV_ERR_DOMAIN_STATE`
   */
  shutdown(reason: ShutdownRequest = 'poweroff'): void {
    this.#alive('be asked to shut down');
    if (!SHUTDOWN_REQUESTS.includes(reason)) {
      throw new HypervisorError('HV_ERR_DOMAIN_STATE', `a guest cannot be asked for "${reason}"`, { hint: `ask for one of ${SHUTDOWN_REQUESTS.join(', ')}` });
    }
    this.#owner.services.store.session.write(`/local/domain/${this.#domid}/control/shutdown`, reason);
  }

  /** Asks its guest to begin anew. */
  reboot(): void {
    this.shutdown('reboot');
  }

  /** Ends it at once, whatever its guest does; kept when all that it had is given back. */
  destroy(): Promise<void> {
    return this.#finish({ reason: 'destroyed' });
  }

  /** For the hypervisor: its present life. */
  get life(): DomainLife | undefined {
    return this.#life;
  }

  /** For the hypervisor: its vCPU blocked or was woken. */
  noteState(): void {
    if (this.listenerCount('stateChanged') > 0) this.#showState();
  }

  /** For the hypervisor: its life has ended by itself, or cannot go on. */
  lifeEnded(domid: number, ending: DomainEnding): void {
    if (this.#life?.domid !== domid || this.#dying !== undefined || this.#stopped !== 'no') return;
    const end = endOf(ending);
    this.#stopped = ending.report === undefined && end.reason !== 'failed' ? 'shutdown' : 'crashed';
    this.#life.setPaused(true);
    this.#showState();
    this.emit('stopped', end);
    const action = this.#actionFor(end);
    if (action === 'destroy') void this.#finish(end);
    else if (action === 'restart') void this.#restart(end);
  }

  #actionFor({ reason }: DomainEnd): LifecycleAction {
    if (reason === 'exit' || reason === 'failed' || reason === 'destroyed') return 'destroy';
    const action = this.#config.actions[reason satisfies keyof LifecycleActions];
    const isTooSoon = (reason === 'crash' || reason === 'watchdog') && performance.now() - this.#begun < LEAST_LIFE_MS;
    return action === 'restart' && isTooSoon ? 'destroy' : action;
  }

  async #restart(end: DomainEnd): Promise<void> {
    await this.#endLife();
    if (this.#dying !== undefined) return;
    try {
      await this.begin();
    } catch (error) {
      await this.#finish({ ...end, reason: 'failed', error: asError(error) });
      return;
    }
    // It may have been destroyed while it was built.
    if (this.#dying === undefined) this.emit('restarted');
    else await this.#endLife();
  }

  async #endLife(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#earlierNs += life.cpuTimeNs;
    await life.end();
    this.#lastStats = life.stats;
  }

  #finish(end: DomainEnd): Promise<void> {
    this.#dying ??= this.#die(end);
    return this.#dying;
  }

  async #die(end: DomainEnd): Promise<void> {
    this.#showState();
    await this.#endLife();
    this.#console.finish();
    this.#owner.gone(this);
    const full = end.stats !== undefined || this.#lastStats === undefined ? end : { ...end, stats: this.#lastStats };
    this.#finished.resolve(full);
    this.emit('ended', full);
  }

  /** Its life, if it has one that something can be done with. */
  #alive(what: string): DomainLife {
    if (this.#life !== undefined && this.#dying === undefined) return this.#life;
    throw new HypervisorError('HV_ERR_DOMAIN_STATE', `domain ${this.name} cannot ${what}: it ${this.#dying === undefined ? 'is being built' : 'has ended'}`, {
      hint: 'wait for its event restarted, or create it again',
    });
  }

  #showState(): void {
    const { state } = this;
    if (state === this.#shown) return;
    this.#shown = state;
    this.emit('stateChanged', state);
  }
}

function endOf({ kind, report, error, exitCode, stats }: DomainEnding): DomainEnd {
  return {
    reason: kind === 'triple-fault' || kind === 'dead-halt' ? 'crash' : kind,
    ...(report === undefined ? {} : { report }),
    ...(error === undefined ? {} : { error: fromPlainError(error) }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(stats === undefined ? {} : { stats }),
  };
}

function asError(error: unknown): HypervisorError {
  if (error instanceof HypervisorError) return error;
  return new HypervisorError('HV_ERR_PCPU_FAILED', error instanceof Error ? error.message : String(error), { cause: error });
}
