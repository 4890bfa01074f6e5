import { EventEmitter } from 'node:events';
import { type DomainConfig, HypervisorError, type HypervisorStats, type Plugin } from '#sdk';
import type { InterpreterIndex } from '#jit/interpreter';
import { BackendProviders } from '../device/backend-providers.ts';
import { DomainStore } from '../domain/domain-store.ts';
import { parseDiskSpecs, parseVifSpecs } from '../device-spec/index.ts';
import { hostNow } from '../machine/clock.ts';
import { Doorbell } from '../pcpu/doorbell.ts';
import { MOST_CORES } from '../pcpu/hosted-vcpu.ts';
import type { PcpuReport } from '../pcpu/pcpu-protocol.ts';
import { fromPlainError, toPlainError } from '../pcpu/plain-error.ts';
import { BuilderPool, TranslatorPool } from '../pcpu/pool.ts';
import { translatesHere, wantsTranslator } from '../pcpu/translation-modes.ts';
import type { MainPlugins } from '../plugin/index.ts';
import type { SchedulerFailure } from '../scheduler/index.ts';
import { Answers } from './answers.ts';
import { type CheckedConfig, checkConfig, checkPcpus } from './check-config.ts';
import type { CheckedOptions, PluginChoice } from './check-options.ts';
import { collectStats } from './collect-stats.ts';
import { Dispatcher } from './dispatcher.ts';
import { Domain, type DomainOwner } from './domain.ts';
import { DomainLife, type DomainServices } from './domain-life.ts';
import { DomainTable } from './domain-table.ts';
import type { GuestConsole } from './guest-console.ts';
import type { HypervisorEvents } from './hypervisor-events.ts';
import { Observer } from './observer.ts';
import type { PcpuShared } from './pcpu-link.ts';
import { PcpuSet } from './pcpu-set.ts';
import { PluginControl } from './plugin-control.ts';
import { readImage } from './read-guest-file.ts';
import type { SchedulerOptions, Schedulers } from './schedulers.ts';

/** What a hypervisor is made of. */
export interface HypervisorParts {
  readonly options: CheckedOptions;
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly plugins: MainPlugins;
  /** Whether `booted` and `shutdown` are the hypervisor's to fire. */
  readonly firesHooks: boolean;
}

/** A hypervisor: domains on a pool of pCPUs. */
export class Hypervisor extends EventEmitter<HypervisorEvents> implements AsyncDisposable {
  readonly #parts: HypervisorParts;
  readonly #schedulers: Schedulers;
  readonly #pcpus: PcpuSet;
  readonly #services: DomainServices;
  readonly #builder = new BuilderPool();
  readonly #domains = new DomainTable();
  readonly #answers = new Answers();
  readonly #observer: Observer;
  readonly #control: PluginControl;
  readonly #startNs = hostNow();
  #booted: Promise<void> | undefined;
  #created = 0;
  #closing: Promise<void> | undefined;

  /** For `createHypervisor`. */
  constructor(parts: HypervisorParts, schedulers: Schedulers, create: Awaited<ReturnType<Schedulers['find']>>) {
    super();
    const { options, module, index, plugins } = parts;
    const { pcpus, engine, clock } = options;
    this.#parts = parts;
    this.#schedulers = schedulers;
    const memory = Array.from({ length: pcpus }, () => Doorbell.allocate());
    const shared: PcpuShared = {
      module,
      index,
      // As they are when a thread begins; those that were given as objects have nothing to do there.
      get plugins() {
        return plugins.loaded.flatMap(({ request }) => (request.plugin === undefined ? [request] : []));
      },
      directory: options.directory,
      doorbells: memory,
      translatesHere: translatesHere({ engine, clock }),
    };
    this.#pcpus = new PcpuSet(shared, options.watchdogMs, {
      report: (from, report) => this.#heard(from, report),
      lost: (pcpu, error, running) => this.#lost(pcpu, error, running),
      ended: (pcpu, error) => this.#recover(pcpu, error),
      replaced: (pcpu, link) => {
        if (this.#observer.traces) link.send({ kind: 'trace', on: true });
        for (const { peer } of this.#domains.lives.values()) link.send({ kind: 'peer', peer });
        dispatcher.setOnline(pcpu, true);
      },
    });
    this.#observer = new Observer(plugins, {
      log: options.log,
      stats: () => this.stats(),
      setTracing: (on) => this.#pcpus.all.forEach((link) => link.send({ kind: 'trace', on })),
    });
    const dispatcher = new Dispatcher(
      memory.map((_, pcpu) => ({
        order: (domid, vcpu, untilNs) => this.#order(pcpu, domid, vcpu, untilNs),
        hasten: (untilNs) => this.#pcpus.at(pcpu).hasten(untilNs),
      })),
      create,
      { failed: (failure) => this.#schedulerFailed(failure) },
    );
    this.#services = {
      engine,
      clock,
      index,
      dispatcher,
      store: new DomainStore(),
      providers: new BackendProviders(plugins.loaded, this.#observer.backendLog()),
      builder: this.#builder,
      translators: wantsTranslator({ engine, clock }) ? new TranslatorPool(options.translators) : undefined,
      doorbells: memory.map((each) => new Doorbell(each)),
      doorbellMemory: memory,
      trace: options.trace,
      regions: options.regions,
      outputWaits: options.outputWaits,
      link: (pcpu) => this.#pcpus.at(pcpu),
      links: () => this.#pcpus.all,
      ended: (domid) => void this.#domains.lives.delete(domid),
      nudge: (pcpu) => this.#nudge(pcpu),
      get isBound() {
        return clock === 'instructions' || options.trace !== undefined || plugins.loaded.some(({ plugin }) => plugin.applyPcpu !== undefined);
      },
      findEvents: (domid) => this.#domains.find(domid)?.life?.state.events,
      forgotten: (pcpu, domid) => this.#answers.forgotten(pcpu, domid),
      settled: (pcpu) => this.#settled(pcpu),
    };
    this.#control = this.#controlPlugins();
  }

  /** For `createHypervisor`: kept when all pCPUs take orders. */
  async begin(): Promise<void> {
    await this.#pcpus.begin();
    this.#observer.refresh();
    this.#services.dispatcher.start();
  }

  /** The number of pCPUs. */
  get pcpus(): number {
    return this.#pcpus.all.length;
  }

  /** The domains that there are. */
  get domains(): readonly Domain[] {
    return this.#domains.all;
  }

  /** A domain by its name or number. */
  domain(nameOrId: string | number): Domain | undefined {
    return this.#domains.find(nameOrId);
  }

  /** The name of the scheduler that is in charge. */
  get scheduler(): string {
    return this.#services.dispatcher.slot.name;
  }

  /** The names of all schedulers. */
  get schedulers(): readonly string[] {
    return this.#schedulers.names();
  }

  /** The plugins that were named or loaded; our own schedulers and backends work without being so. */
  get plugins(): readonly Plugin[] {
    return this.#parts.plugins.loaded.map(({ plugin }) => plugin);
  }

  /**
   * Loads one more plugin. Its devices are in the domains that are created from now on.
   *
   * @throws HypervisorError with a code of `HV_ERR_PLUGIN_`: it cannot be had, does not say what it uses, is there already
   */
  async loadPlugin(plugin: PluginChoice): Promise<Plugin> {
    this.#open();
    return this.#control.load(plugin);
  }

  /**
   * Unloads a plugin: its `shutdown` is fired, and none of its taps after that. Devices that it has put into domains stay there.
   *
   * @throws HypervisorError `HV_ERR_PLUGIN_UNKNOWN`, or `HV_ERR_PLUGIN_BUSY` while its scheduler is in charge or a domain has a device of its backend
   */
  async unloadPlugin(name: string): Promise<void> {
    this.#open();
    await this.#control.unload(name);
  }

  /** What it has counted until now. */
  stats(): HypervisorStats {
    const { dispatcher } = this.#services;
    return collectStats({ startNs: this.#startNs, domainsCreated: this.#created, dispatcher, links: this.#pcpus.all, domains: this.domains });
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
        this.#observer.domain('ended', domain);
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
    this.#created++;
    this.#observer.domain('created', domain);
    this.emit('domainCreated', domain);
    if (this.#parts.firesHooks) this.#booted ??= this.#parts.plugins.booted().catch((error) => this.#warn(error));
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
    this.#observer.close();
    if (this.#parts.firesHooks) await this.#parts.plugins.shutdown({ reason: 'stopped', exitCode: 0 });
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
    const image = await readImage(config);
    const life = await DomainLife.begin(this.#services, { domid: this.#domains.nextDomid(), config, image, devices, console });
    this.#domains.lives.set(life.domid, life);
    return life;
  }

  #controlPlugins(): PluginControl {
    const { plugins, options } = this.#parts;
    return new PluginControl({
      plugins,
      directory: options.directory,
      schedulers: this.#schedulers,
      providers: this.#services.providers,
      observer: this.#observer,
      usedBackends: () => new Set(this.domains.flatMap(({ life }) => life?.devices.kinds() ?? [])),
      scheduler: () => this.scheduler,
      tellPcpus: async (command) => {
        for (const link of this.#pcpus.all) link.send(command);
        await Promise.all(this.#pcpus.all.map((_, pcpu) => this.#settled(pcpu)));
      },
    });
  }

  #order(pcpu: number, domid: number, vcpu: number, untilNs: number): number {
    this.#observer.ordered(pcpu, domid, vcpu, untilNs);
    this.#domains.lives.get(domid)?.hostOn(pcpu);
    const order = this.#pcpus.at(pcpu).order(domid, vcpu, untilNs);
    this.#nudge(pcpu);
    return order;
  }

  /** Wakes a pCPU, or has what it runs look up within microseconds. */
  #nudge(pcpu: number): void {
    const link = this.#pcpus.at(pcpu);
    link.ring();
    this.#domains.lives.get(link.running)?.cores.kick(pcpu % MOST_CORES);
  }

  #heard(pcpu: number, report: PcpuReport): void {
    if ('domid' in report && report.kind !== 'forgotten') this.#heardOf(pcpu, report);
    else if (report.kind === 'expired') this.#services.dispatcher.expired(pcpu, report.sequence);
    else if (report.kind === 'forgotten') {
      const { regions } = this.#services;
      if (regions !== undefined && report.known !== undefined) regions.known = report.known;
      this.#answers.came(pcpu, 'forgotten', report.domid, report.stats);
    } else if (report.kind === 'synced') this.#answers.came(pcpu, 'synced', report.id);
    else if (report.kind === 'runs') this.#observer.exits(pcpu, report.runs);
    else if (report.kind === 'stderr') this.emit('stderr', report.bytes);
    else if (report.kind === 'plugin-failed') this.#warn(fromPlainError(report.error));
  }

  #heardOf(pcpu: number, report: Exclude<Extract<PcpuReport, { domid: number }>, { kind: 'forgotten' }>): void {
    const domain = this.#domains.find(report.domid);
    const life = domain?.life;
    if (domain === undefined || life === undefined) return;
    if (report.kind === 'signals') {
      this.#observer.event(report.domid);
      life.signalled();
    } else if (report.kind === 'output') life.hasOutput();
    else if (report.kind === 'ended') {
      // What it said before it ended comes first.
      life.signalled();
      domain.lifeEnded(report.domid, report.end);
    } else {
      this.#observer.blocked(report.kind, report.domid, report.vcpu);
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
    const culprit = this.#domains.lives.get(running);
    if (culprit !== undefined) this.#crash(culprit, error, `${error.message}; its vCPU was running`);
    this.#warn(error);
  }

  /** Its thread has ended: what waited there goes on elsewhere. */
  #recover(pcpu: number, error: HypervisorError): void {
    this.#answers.lost(pcpu);
    for (const life of this.#domains.lives.values()) if (!life.lost(pcpu)) this.#crash(life, error, `${error.message}; its vCPU was being served`);
    for (let each = 0; each < this.pcpus; each++) this.#nudge(each);
  }

  #crash(life: DomainLife, error: HypervisorError, line: string): void {
    this.#domains.find(life.domid)?.lifeEnded(life.domid, { kind: 'failed', error: toPlainError(error), report: [line] });
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
    this.#observer.warning(error);
    this.emit('warning', error);
  }

  async #settled(pcpu: number): Promise<void> {
    const { id, answer } = this.#answers.sync(pcpu);
    this.#pcpus.at(pcpu).send({ kind: 'sync', id });
    await answer;
  }
}
