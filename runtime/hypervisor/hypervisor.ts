import { EventEmitter } from 'node:events';
import { type DomainConfig, HypervisorError, type HypervisorHooks } from '#sdk';
import type { InterpreterIndex } from '#jit/interpreter';
import { BackendProviders } from '../device/backend-providers.ts';
import type { DomainImage } from '../domain/build-domain.ts';
import { DomainStore } from '../domain/domain-store.ts';
import { parseDiskSpecs, parseVifSpecs } from '../device-spec/index.ts';
import { Doorbell } from '../pcpu/doorbell.ts';
import { MOST_CORES } from '../pcpu/hosted-vcpu.ts';
import type { PcpuReport } from '../pcpu/pcpu-protocol.ts';
import { fromPlainError, toPlainError } from '../pcpu/plain-error.ts';
import { BuilderPool, TranslatorPool } from '../pcpu/pool.ts';
import type { RunStats } from '../pcpu/run-stats.ts';
import { translatesHere, wantsTranslator } from '../pcpu/translation-modes.ts';
import type { LoadedPlugin } from '../plugin/index.ts';
import type { SchedulerFailure } from '../scheduler/index.ts';
import { type CheckedConfig, checkConfig, checkPcpus } from './check-config.ts';
import type { CheckedOptions } from './check-options.ts';
import { Dispatcher } from './dispatcher.ts';
import { Domain, type DomainOwner } from './domain.ts';
import { DomainLife, type DomainServices } from './domain-life.ts';
import type { GuestConsole } from './guest-console.ts';
import type { PcpuShared } from './pcpu-link.ts';
import { PcpuSet } from './pcpu-set.ts';
import { readGuestFile } from './read-guest-file.ts';
import type { SchedulerOptions, Schedulers } from './schedulers.ts';

/** What a hypervisor tells. */
export interface HypervisorEvents {
  /** A domain was created and runs. */
  domainCreated: [Domain];
  /** A domain is gone. */
  domainEnded: [Domain];
  /** A plugin was disabled, a scheduler replaced, or a pCPU lost; the hypervisor goes on. */
  warning: [HypervisorError];
  /** What devices of plugins write for the host's standard error. */
  stderr: [Uint8Array];
}

/** What a hypervisor is made of. */
export interface HypervisorParts {
  readonly options: CheckedOptions;
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly plugins: readonly LoadedPlugin[];
  /** To be fired by the hypervisor. */
  readonly hooks?: HypervisorHooks;
}

/** Numbers of domains end here. */
const LAST_DOMID = 0x7fef;

/** A hypervisor: domains on a pool of pCPUs. */
export class Hypervisor extends EventEmitter<HypervisorEvents> implements AsyncDisposable {
  readonly #parts: HypervisorParts;
  readonly #schedulers: Schedulers;
  readonly #pcpus: PcpuSet;
  readonly #services: DomainServices;
  readonly #builder = new BuilderPool();
  readonly #domains = new Map<string, Domain>();
  readonly #lives = new Map<number, DomainLife>();
  readonly #awaited = new Map<string, (stats?: RunStats) => void>();
  #booted: Promise<void> | undefined;
  #lastDomid = 0;
  #syncs = 0;
  #closing: Promise<void> | undefined;

  /** For `createHypervisor`. */
  constructor(parts: HypervisorParts, schedulers: Schedulers, create: Awaited<ReturnType<Schedulers['find']>>) {
    super();
    const { options, module, index } = parts;
    const { pcpus, engine, clock } = options;
    this.#parts = parts;
    this.#schedulers = schedulers;
    const memory = Array.from({ length: pcpus }, () => Doorbell.allocate());
    const shared: PcpuShared = {
      module,
      index,
      plugins: options.plugins,
      directory: options.directory,
      doorbells: memory,
      translatesHere: translatesHere({ engine, clock }),
    };
    this.#pcpus = new PcpuSet(shared, options.watchdogMs, {
      report: (from, report) => this.#heard(from, report),
      lost: (pcpu, error, running) => this.#lost(pcpu, error, running),
      ended: (pcpu, error) => this.#recover(pcpu, error),
      replaced: (pcpu, link) => {
        for (const { peer } of this.#lives.values()) link.send({ kind: 'peer', peer });
        dispatcher.setOnline(pcpu, true);
      },
    });
    const dispatcher = new Dispatcher(
      memory.map((_, pcpu) => ({
        order: (domid, vcpu, untilNs) => this.#order(pcpu, domid, vcpu, untilNs),
        hasten: (untilNs) => this.#pcpus.at(pcpu).hasten(untilNs),
      })),
      create,
      { failed: (failure) => this.#schedulerFailed(failure) },
    );
    const log = { debug: () => undefined, info: options.log, warn: options.log };
    this.#services = {
      engine,
      clock,
      index,
      dispatcher,
      store: new DomainStore(),
      providers: new BackendProviders(parts.plugins, log),
      builder: this.#builder,
      translators: wantsTranslator({ engine, clock }) ? new TranslatorPool(options.translators) : undefined,
      doorbells: memory.map((each) => new Doorbell(each)),
      doorbellMemory: memory,
      trace: options.trace,
      regions: options.regions,
      outputWaits: options.outputWaits,
      link: (pcpu) => this.#pcpus.at(pcpu),
      links: () => this.#pcpus.all,
      ended: (domid) => void this.#lives.delete(domid),
      nudge: (pcpu) => this.#nudge(pcpu),
      isBound: clock === 'instructions' || options.trace !== undefined || parts.plugins.some(({ plugin }) => plugin.applyPcpu !== undefined),
      findEvents: (domid) => this.#find(domid)?.life?.state.events,
      forgotten: (pcpu, domid) => this.#answer(`forgotten ${pcpu} ${domid}`),
      settled: (pcpu) => this.#settled(pcpu),
    };
  }

  /** For `createHypervisor`: kept when all pCPUs take orders. */
  async begin(): Promise<void> {
    await this.#pcpus.begin();
    this.#services.dispatcher.start();
  }

  /** The number of pCPUs. */
  get pcpus(): number {
    return this.#pcpus.all.length;
  }

  /** The domains that there are. */
  get domains(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  /** A domain by its name or number. */
  domain(nameOrId: string | number): Domain | undefined {
    return typeof nameOrId === 'string' ? this.#domains.get(nameOrId) : this.domains.find(({ id }) => id === nameOrId);
  }

  /** The name of the scheduler that is in charge. */
  get scheduler(): string {
    return this.#services.dispatcher.slot.name;
  }

  /** The names of all schedulers. */
  get schedulers(): readonly string[] {
    return this.#schedulers.names();
  }

  /**
   * Puts another scheduler in charge, at once and without stopping a domain. Parameters of domains begin with their
   * defaults, or as they were when a scheduler of the name was last in charge.
   *
   * @throws HypervisorError `HV_ERR_SCHEDULER_UNKNOWN` or `HV_ERR_PLUGIN_OPTION`; the old one stays in charge
   */
  async setScheduler(name: string, options?: SchedulerOptions): Promise<void> {
    this.#open();
    const create = await this.#schedulers.find(name, options);
    this.#services.dispatcher.swap(create);
  }

  /**
   * Creates a domain and lets it run.
   *
   * @param source - what the configuration is called in messages
   * @throws HypervisorError when a field of the configuration is wrong, or a file or device cannot be had; nothing is left then
   */
  async createDomain(config: DomainConfig, source = 'config'): Promise<Domain> {
    this.#open();
    const checked = checkConfig(config, source);
    const { name, vcpus } = checked;
    checkPcpus(checked.cpus, this.pcpus, `${source}.cpus`);
    if (this.#domains.has(name)) {
      throw new HypervisorError('HV_ERR_DOMAIN_NAME', `${source}.name: there is a domain "${name}" already`, {
        hint: 'choose another name, or destroy that domain',
      });
    }
    if (vcpus > 1 && this.#parts.options.clock === 'instructions') {
      throw new HypervisorError('HV_ERR_DOMAIN_CONFIG', `${source}.vcpus: expected was 1, for time is counted in instructions of one vCPU; seen was ${vcpus}`, {
        hint: 'leave vcpus out, or take the clock of the host',
      });
    }
    const owner: DomainOwner = {
      services: this.#services,
      beginLife: (its, console) => this.#beginLife(its, console),
      gone: (domain) => {
        this.#domains.delete(name);
        this.emit('domainEnded', domain);
      },
    };
    const domain = new Domain(owner, checked);
    // The name is taken from now on.
    this.#domains.set(name, domain);
    try {
      await domain.begin();
    } catch (error) {
      this.#domains.delete(name);
      throw error;
    }
    this.emit('domainCreated', domain);
    this.#booted ??= this.#parts.hooks?.booted.promise();
    return domain;
  }

  /** Destroys all domains and ends all threads. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As {@link close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#pcpus.stopWatching();
    await Promise.all(this.domains.map((domain) => domain.destroy()));
    await this.#booted;
    await this.#parts.hooks?.shutdown.promise({ reason: 'stopped', exitCode: 0 });
    const { providers, store, translators } = this.#services;
    await providers.close();
    store.close();
    await Promise.all([this.#pcpus.destroy(), this.#builder.destroy(), translators?.destroy()]);
  }

  #open(): void {
    if (this.#closing === undefined) return;
    throw new HypervisorError('HV_ERR_HYPERVISOR_CLOSED', 'the hypervisor has been closed', { hint: 'create another one' });
  }

  async #beginLife(config: CheckedConfig, console: GuestConsole): Promise<DomainLife> {
    const { providers } = this.#services;
    const devices = {
      disks: parseDiskSpecs(config.disk, { source: 'config.disk', backends: providers.names('vbd') }),
      vifs: parseVifSpecs(config.vif, { source: 'config.vif', backends: providers.names('vif') }),
    };
    const { kernel, ramdisk, extra } = config;
    const image: DomainImage = {
      kernel: await readGuestFile(kernel, 'kernel'),
      kernelName: typeof kernel === 'string' ? kernel : 'kernel',
      ...(ramdisk === undefined ? {} : { ramdisk: await readGuestFile(ramdisk, 'ramdisk') }),
      commandLine: extra,
    };
    const life = await DomainLife.begin(this.#services, { domid: this.#nextDomid(), config, image, devices, console });
    this.#lives.set(life.domid, life);
    return life;
  }

  #nextDomid(): number {
    do this.#lastDomid = this.#lastDomid >= LAST_DOMID ? 1 : this.#lastDomid + 1;
    while (this.#find(this.#lastDomid) !== undefined);
    return this.#lastDomid;
  }

  #find(domid: number): Domain | undefined {
    for (const domain of this.#domains.values()) if (domain.id === domid) return domain;
    return undefined;
  }

  #order(pcpu: number, domid: number, vcpu: number, untilNs: number): number {
    this.#lives.get(domid)?.hostOn(pcpu);
    const order = this.#pcpus.at(pcpu).order(domid, vcpu, untilNs);
    this.#nudge(pcpu);
    return order;
  }

  /** Wakes a pCPU, or has what it runs look up within microseconds. */
  #nudge(pcpu: number): void {
    const link = this.#pcpus.at(pcpu);
    link.ring();
    this.#lives.get(link.running)?.cores.kick(pcpu % MOST_CORES);
  }

  #heard(pcpu: number, report: PcpuReport): void {
    if ('domid' in report && report.kind !== 'forgotten') this.#heardOf(pcpu, report);
    else if (report.kind === 'expired') this.#services.dispatcher.expired(pcpu, report.sequence);
    else if (report.kind === 'forgotten') {
      const { regions } = this.#services;
      if (regions !== undefined && report.known !== undefined) regions.known = report.known;
      this.#resolve(`forgotten ${pcpu} ${report.domid}`, report.stats);
    } else if (report.kind === 'synced') this.#resolve(`synced ${pcpu} ${report.id}`);
    else if (report.kind === 'stderr') this.emit('stderr', report.bytes);
    else if (report.kind === 'plugin-failed') this.#warn(fromPlainError(report.error));
  }

  #heardOf(pcpu: number, report: Exclude<Extract<PcpuReport, { domid: number }>, { kind: 'forgotten' }>): void {
    const domain = this.#find(report.domid);
    const life = domain?.life;
    if (domain === undefined || life === undefined) return;
    if (report.kind === 'signals') life.signalled();
    else if (report.kind === 'output') life.hasOutput();
    else if (report.kind === 'ended') {
      // What it said before it ended comes first.
      life.signalled();
      domain.lifeEnded(report.domid, report.end);
    } else {
      const vcpu = life.vcpus[report.vcpu];
      if (vcpu === undefined) return;
      if (report.kind === 'blocked') this.#services.dispatcher.blocked(vcpu, pcpu, report.sequence);
      else this.#services.dispatcher[report.kind](vcpu);
      domain.noteState();
    }
  }

  /** A pCPU is lost: the domain that it ran crashes. */
  #lost(pcpu: number, error: HypervisorError, running: number): void {
    this.#services.dispatcher.setOnline(pcpu, false);
    const culprit = this.#lives.get(running);
    if (culprit !== undefined) this.#crash(culprit, error, `${error.message}; its vCPU was running`);
    this.#warn(error);
  }

  /** Its thread has ended: what waited there goes on elsewhere. */
  #recover(pcpu: number, error: HypervisorError): void {
    for (const key of this.#awaited.keys()) if (key.startsWith(`forgotten ${pcpu} `) || key.startsWith(`synced ${pcpu} `)) this.#resolve(key);
    for (const life of this.#lives.values()) if (!life.lost(pcpu)) this.#crash(life, error, `${error.message}; its vCPU was being served`);
    for (let each = 0; each < this.pcpus; each++) this.#nudge(each);
  }

  #crash(life: DomainLife, error: HypervisorError, line: string): void {
    this.#find(life.domid)?.lifeEnded(life.domid, { kind: 'failed', error: toPlainError(error), report: [line] });
  }

  #schedulerFailed({ scheduler, cause }: SchedulerFailure): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#warn(
      new HypervisorError('HV_ERR_SCHEDULER_FAILED', `the scheduler ${scheduler} failed, and a simple one has taken over: ${reason}`, {
        hint: 'choose another one with setScheduler',
        cause,
      }),
    );
  }

  #warn(error: HypervisorError): void {
    this.emit('warning', error);
  }

  async #settled(pcpu: number): Promise<void> {
    const id = ++this.#syncs;
    const answer = this.#answer(`synced ${pcpu} ${id}`);
    this.#pcpus.at(pcpu).send({ kind: 'sync', id });
    await answer;
  }

  #answer(key: string): Promise<RunStats | undefined> {
    return new Promise((resolve) => this.#awaited.set(key, resolve));
  }

  #resolve(key: string, stats?: RunStats): void {
    const resolve = this.#awaited.get(key);
    this.#awaited.delete(key);
    resolve?.(stats);
  }
}
