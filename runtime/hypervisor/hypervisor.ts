import { EventEmitter } from 'node:events';
import { type DomainConfig, HypervisorError, type HypervisorStats, type Plugin } from '#sdk';
import type { InterpreterIndex } from '#jit/interpreter';
import { BackendProviders } from '../device/backend-providers.ts';
import { DomainStore } from '../domain/domain-store.ts';
import { parseDiskSpecs, parseVifSpecs } from '../device-spec/index.ts';
import { hostNow } from '../machine/clock.ts';
import { Doorbell } from '../pcpu/doorbell.ts';
import type { PcpuReport } from '../pcpu/pcpu-protocol.ts';
import { fromPlainError, toPlainError } from '../pcpu/plain-error.ts';
import { BuilderPool, TranslatorPool } from '../pcpu/pool.ts';
import { translatesHere, wantsTranslator } from '../pcpu/translation-modes.ts';
import type { MainPlugins } from '../plugin/index.ts';
import type { SchedulerFailure } from '../scheduler/index.ts';
import { Answers } from './answers.ts';
import { type CheckedConfig, checkConfig } from './check-config.ts';
import type { CheckedOptions, PluginChoice } from './check-options.ts';
import { collectStats } from './collect-stats.ts';
import { Dispatcher } from './dispatcher.ts';
import { Domain, type DomainOwner } from './domain.ts';
import { DomainLife, type DomainServices } from './domain-life.ts';
import type { GuestConsole } from './guest-console.ts';
import type { HypervisorEvents } from './hypervisor-events.ts';
import { Observer } from './observer.ts';
import { PcpuLink, type PcpuShared } from './pcpu-link.ts';
import { PluginControl } from './plugin-control.ts';
import { readImage } from './read-guest-file.ts';
import type { SchedulerOptions, Schedulers } from './schedulers.ts';
import { Watchdog } from './watchdog.ts';

/** What a hypervisor is made of. */
export interface HypervisorParts {
  readonly options: CheckedOptions;
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly plugins: MainPlugins;
  /** Whether `booted` and `shutdown` are the hypervisor's to fire. */
  readonly firesHooks: boolean;
}

/** Numbers of domains end here. */
const LAST_DOMID = 0x7fef;

/** A hypervisor: domains on a pool of pCPUs. */
export class Hypervisor extends EventEmitter<HypervisorEvents> implements AsyncDisposable {
  readonly #parts: HypervisorParts;
  readonly #schedulers: Schedulers;
  readonly #shared: PcpuShared;
  readonly #links: PcpuLink[];
  readonly #services: DomainServices;
  readonly #builder = new BuilderPool();
  readonly #domains = new Map<string, Domain>();
  readonly #answers = new Answers();
  readonly #observer: Observer;
  readonly #control: PluginControl;
  readonly #startNs = hostNow();
  readonly #watchdog: Watchdog;
  #booted: Promise<void> | undefined;
  #lastDomid = 0;
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
    this.#shared = {
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
    this.#links = memory.map((_, pcpu) => this.#startPcpu(pcpu));
    this.#watchdog = new Watchdog(options.watchdogMs, this.#links, (pcpu, cause) => this.#lost(pcpu, cause));
    this.#observer = new Observer(plugins, {
      log: options.log,
      stats: () => this.stats(),
      setTracing: (on) => this.#links.forEach((link) => link.send({ kind: 'trace', on })),
    });
    const dispatcher = new Dispatcher(
      memory.map((_, pcpu) => ({
        order: (domid, vcpu, untilNs) => {
          this.#observer.ordered(pcpu, domid, vcpu, untilNs);
          return this.#link(pcpu).order(domid, vcpu, untilNs);
        },
        hasten: (untilNs) => this.#link(pcpu).hasten(untilNs),
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
      link: (pcpu) => this.#link(pcpu),
      links: () => this.#links,
      findEvents: (domid) => this.#find(domid)?.life?.state.events,
      forgotten: (pcpu, domid) => this.#answers.forgotten(pcpu, domid),
      settled: (pcpu) => this.#settled(pcpu),
    };
    this.#control = new PluginControl({
      plugins,
      directory: options.directory,
      schedulers,
      providers: this.#services.providers,
      observer: this.#observer,
      usedBackends: () => new Set(this.domains.flatMap(({ life }) => life?.devices.kinds() ?? [])),
      scheduler: () => this.scheduler,
      tellPcpus: async (command) => {
        for (const link of this.#links) link.send(command);
        await Promise.all(this.#links.map((_, pcpu) => this.#settled(pcpu)));
      },
    });
  }

  /** For `createHypervisor`: kept when all pCPUs take orders. */
  async begin(): Promise<void> {
    await Promise.all(this.#links.map(({ ready }) => ready));
    this.#observer.refresh();
    this.#services.dispatcher.start();
    this.#watchdog.start();
  }

  /** The number of pCPUs. */
  get pcpus(): number {
    return this.#links.length;
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
    return collectStats({ startNs: this.#startNs, domainsCreated: this.#created, dispatcher, links: this.#links, domains: this.domains });
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
    this.#watchdog.stop();
    await Promise.all(this.domains.map((domain) => domain.destroy()));
    await this.#booted;
    this.#observer.close();
    if (this.#parts.firesHooks) await this.#parts.plugins.shutdown({ reason: 'stopped', exitCode: 0 });
    const { providers, store, translators } = this.#services;
    await providers.close();
    store.close();
    await Promise.all([...this.#links.map((link) => link.destroy()), this.#builder.destroy(), translators?.destroy()]);
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
    return DomainLife.begin(this.#services, { domid: this.#nextDomid(), config, image, devices, console });
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

  #link(pcpu: number): PcpuLink {
    const link = this.#links[pcpu];
    if (link === undefined) throw new Error(`there is no pCPU ${pcpu}`);
    return link;
  }

  #startPcpu(pcpu: number): PcpuLink {
    return new PcpuLink(pcpu, this.#shared, {
      report: (from, report) => this.#heard(from, report),
      lost: (from, cause) => this.#lost(from, cause),
    });
  }

  #heard(pcpu: number, report: PcpuReport): void {
    if ('domid' in report && report.kind !== 'forgotten') this.#heardOf(report);
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

  #heardOf(report: Exclude<Extract<PcpuReport, { domid: number }>, { kind: 'forgotten' }>): void {
    const domain = this.#find(report.domid);
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
      if (vcpu !== undefined) this.#services.dispatcher[report.kind](vcpu);
      domain.noteState();
    }
  }

  /** A pCPU is lost: what lived there crashes, and a new thread takes its place. */
  #lost(pcpu: number, cause: unknown): void {
    if (this.#closing !== undefined) return;
    const old = this.#link(pcpu);
    const { running } = old;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new HypervisorError('HV_ERR_PCPU_FAILED', `pCPU ${pcpu} was lost: ${reason}`, { hint: 'the domains that lived there have crashed', cause });
    void old.destroy();
    const fresh = this.#startPcpu(pcpu);
    this.#links[pcpu] = fresh;
    if (this.#observer.traces) fresh.send({ kind: 'trace', on: true });
    for (const domain of this.domains) {
      const { life } = domain;
      if (life?.homes.has(pcpu)) {
        life.lost(pcpu);
        domain.lifeEnded(life.domid, { kind: 'failed', error: toPlainError(error), report: [lostLine(error, running === life.domid)] });
      } else if (life !== undefined) fresh.send({ kind: 'peer', peer: life.peer });
    }
    this.#answers.lost(pcpu);
    this.#services.dispatcher.restart(pcpu);
    this.#warn(error);
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
    this.#link(pcpu).send({ kind: 'sync', id });
    await answer;
  }
}

function lostLine(error: HypervisorError, isCulprit: boolean): string {
  return isCulprit ? `${error.message}; its vCPU was running` : error.message;
}
