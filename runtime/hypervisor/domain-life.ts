import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Board, type PackedRequests } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import { type Affinity, affinityOf, allowsPcpu, HypervisorError, type ParameterRefusal, type SchedulerVcpu } from '#sdk';
import type { BackendProviders } from '../device/backend-providers.ts';
import { type DeviceSpecs, DomainDevices } from '../device/domain-devices.ts';
import { allocateDomain, type DomainImage } from '../domain/build-domain.ts';
import type { BuildResult } from '../domain/builder-worker.ts';
import { ConsoleRing } from '../domain/console-ring.ts';
import { type DomainHandle, DomainState, viewOfDomain } from '../domain/domain-state.ts';
import type { DomainStore, StoreLink } from '../domain/domain-store.ts';
import { pvhLayout } from '../domain/pvh-layout.ts';
import type { EventChannels } from '../event/event-channels.ts';
import { hostNow } from '../machine/clock.ts';
import { PAGE } from '../memory/guest-ram.ts';
import { ByteRing } from '../pcpu/byte-ring.ts';
import { DomainBoard, NOWHERE, RecordState } from '../pcpu/domain-board.ts';
import type { Doorbell } from '../pcpu/doorbell.ts';
import { MOST_CORES } from '../pcpu/hosted-vcpu.ts';
import type { HostedDomainConfig, PeerDomain } from '../pcpu/pcpu-protocol.ts';
import { fromPlainError } from '../pcpu/plain-error.ts';
import type { BuilderPool, TranslatorPool } from '../pcpu/pool.ts';
import { combineStats, type RunStats } from '../pcpu/run-stats.ts';
import { allocateRecords } from '../pcpu/vcpu-records.ts';
import type { ClockSource, Engine } from '../pcpu/slice-protocol.ts';
import { wantsTranslator } from '../pcpu/translation-modes.ts';
import type { CheckedConfig } from './check-config.ts';
import type { RegionMemory } from './check-options.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { GuestConsole, SideRing } from './guest-console.ts';
import type { PcpuLink } from './pcpu-link.ts';

/** What a domain needs of its hypervisor. */
export interface DomainServices {
  readonly engine: Engine;
  readonly clock: ClockSource;
  readonly index: InterpreterIndex;
  readonly dispatcher: Dispatcher;
  readonly store: DomainStore;
  readonly providers: BackendProviders;
  readonly builder: BuilderPool;
  readonly translators: TranslatorPool | undefined;
  readonly doorbells: readonly Doorbell[];
  readonly doorbellMemory: readonly SharedArrayBuffer[];
  /** A trace of the guest's blocks goes to this file, and its console's output waits for its reader. */
  readonly trace: string | undefined;
  readonly outputWaits: boolean;
  /** Regions of earlier runs, and a place for those of this one. */
  readonly regions: RegionMemory | undefined;
  link(pcpu: number): PcpuLink;
  links(): readonly PcpuLink[];
  /** Has a pCPU look at once, whatever it runs. */
  nudge(pcpu: number): void;
  /** Devices of plugins and traces are in the thread of one pCPU. */
  readonly isBound: boolean;
  /** The event channels of another domain, on the main thread. */
  findEvents(domid: number): EventChannels | undefined;
  /** A life has ended, and its number may be another's. */
  ended(domid: number): void;
  /** Kept when a pCPU has forgotten a domain, with what that had cost there. */
  forgotten(pcpu: number, domid: number): Promise<RunStats | undefined>;
  /** Kept when all orders that were given to a pCPU are in force. */
  settled(pcpu: number): Promise<void>;
}

/** What a life is begun with. */
export interface LifeRequest {
  readonly domid: number;
  readonly config: CheckedConfig;
  readonly image: DomainImage;
  readonly devices: DeviceSpecs;
  readonly console: GuestConsole;
}

const SIDE_BYTES = 1 << 16;

/** One life of a domain, from its building to its end; one that begins anew gets another. */
export class DomainLife {
  readonly domid: number;
  readonly vcpus: readonly SchedulerVcpu[];
  readonly state: DomainState;
  readonly board: DomainBoard;
  readonly devices: DomainDevices;
  /** As other threads know it. */
  readonly peer: PeerDomain;
  readonly #services: DomainServices;
  readonly #handle: DomainHandle;
  readonly #request: LifeRequest;
  readonly #built: BuildResult;
  readonly #store: StoreLink;
  readonly #sideTold = new SharedArrayBuffer(4);
  /** Told when its console's port was signalled, for benchmarks. */
  onConsole: (() => void) | undefined;
  /** What it has cost, when it was ended from outside. */
  stats: RunStats | undefined;
  /** The cores on which its vCPUs run, one for each pCPU. */
  readonly cores: Board;
  /** The pCPUs that know how to run it. */
  readonly #hosts = new Set<number>();
  readonly #sides: SideRing[] = [];
  /** Where each of its vCPUs may run. */
  readonly affinities: Affinity[] = [];
  #hosted: Omit<HostedDomainConfig, 'output'> | undefined;
  #isScheduled = false;
  #ended: Promise<void> | undefined;

  private constructor(services: DomainServices, request: LifeRequest, handle: DomainHandle, built: BuildResult) {
    const { domid, config } = request;
    this.domid = domid;
    this.#services = services;
    this.#request = request;
    this.#built = built;
    this.vcpus = Array.from({ length: handle.vcpus }, (_, vcpuId) => Object.freeze({ domid, vcpuId }));
    const board = DomainBoard.allocate();
    this.board = new DomainBoard(board);
    this.#handle = handle;
    this.peer = { handle: viewOfDomain(handle), board };
    this.cores = new Board(handle.board);
    this.state = new DomainState(this.peer.handle, {
      kick: (vcpu) => this.#kick(vcpu),
      peers: { find: (other) => services.findEvents(other), signal: () => undefined, closed: () => undefined },
    });
    this.#store = services.store.connect(this.state, {
      store: built.store,
      consolePort: built.consolePort,
      consoleGfn: pvhLayout.consoleGfn,
      name: config.name,
      uuid: config.uuid,
    });
    this.devices = new DomainDevices(this.state, services.store.session, services.providers);
  }

  /**
   * Builds a domain and gives its vCPUs to pCPUs, paused.
   *
   * @throws HypervisorError when it cannot be; nothing of it is left then
   */
  static async begin(services: DomainServices, request: LifeRequest): Promise<DomainLife> {
    const { config, domid, image, devices } = request;
    const handle = allocateDomain(domid, config.vcpus, config.memoryBytes, Math.min(MOST_CORES, services.links().length));
    const built = await services.builder.run({ handle: viewOfDomain(handle), image });
    if ('error' in built) throw fromPlainError(built.error);
    const life = new DomainLife(services, request, handle, built);
    try {
      await life.devices.attach(devices);
      life.#place();
    } catch (error) {
      await life.end();
      throw error;
    }
    return life;
  }

  /** The pCPUs that may run it. */
  get hosts(): ReadonlySet<number> {
    return this.#hosts;
  }

  /**
   * The thread of a pCPU has ended: its vCPUs that waited there go on elsewhere. False when it can't go on, because one of them was
   * being changed there.
   */
  lost(pcpu: number): boolean {
    if (!this.#hosts.delete(pcpu)) return true;
    this.cores.stopped(pcpu % MOST_CORES);
    const here = this.vcpus.filter(({ vcpuId }) => this.board.homeOf(vcpuId) === pcpu);
    if (here.some((vcpu) => this.board.recordState(vcpu.vcpuId) === RecordState.STALE || this.#isBound(vcpu))) return false;
    for (const vcpu of here) {
      this.board.letGo(vcpu.vcpuId);
      // Whoever is ordered to run it finds out what it waits for.
      this.#services.dispatcher.woken(vcpu);
    }
    return true;
  }

  /** When its time was 0, by the host's clock. */
  get startNs(): number {
    return this.#hosted?.startNs ?? 0;
  }

  /** Its CPU time. */
  get cpuTimeNs(): number {
    return this.vcpus.reduce((sum, vcpu) => sum + this.#services.dispatcher.cpuTimeNs(vcpu), 0);
  }

  /** Keeps its vCPUs from running, or lets them run again. */
  setPaused(paused: boolean): void {
    for (const vcpu of this.vcpus) this.#services.dispatcher.setPaused(vcpu, paused);
  }

  /** The domain signalled ports. */
  signalled(): void {
    this.board.takeSignals((port) => {
      if (port === this.#store.port) this.#store.signalled();
      else if (port === this.#built.consolePort) {
        this.onConsole?.();
        this.#request.console.pump();
      } else this.devices.signalled(port);
    });
  }

  /** There is output beside that of the console's ring. */
  hasOutput(): void {
    Atomics.store(new Int32Array(this.#sideTold), 0, 0);
    this.#request.console.pump();
  }

  /** Ends it, whatever its guest does; all that it had is given back. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    const { dispatcher } = this.#services;
    for (const vcpu of this.vcpus) dispatcher.remove(vcpu);
    if (this.#isScheduled) dispatcher.slot.destroyDomain(this.domid);
    if (this.#hosted !== undefined) {
      const answers = this.#services.links().map(({ pcpu }) => this.#services.forgotten(pcpu, this.domid));
      for (const link of this.#services.links()) link.send({ kind: 'forget', domid: this.domid });
      const stats = await Promise.all(answers);
      this.stats = combineStats(stats.filter((each) => each !== undefined));
    }
    await this.devices.close();
    // Other domains learn that their peer is gone.
    this.state.events.reset();
    this.#store.disconnect();
    this.#request.console.disconnect();
    this.#services.ended(this.domid);
  }

  #kick(vcpu: number): void {
    this.board.kick(vcpu);
    const { dispatcher, nudge } = this.#services;
    const known = this.vcpus[vcpu];
    if (known === undefined) return;
    const before = dispatcher.placeOf(known);
    dispatcher.woken(known);
    const home = this.board.homeOf(vcpu);
    // An order that was given just now has told the pCPU already.
    if (home !== NOWHERE && (before !== undefined || dispatcher.placeOf(known) !== home)) nudge(home);
  }

  /** Chooses a pCPU for each of its vCPUs, and tells all of them of it. */
  #place(): void {
    const { dispatcher, outputWaits, trace, engine, clock } = this.#services;
    const { config, console } = this.#request;
    dispatcher.slot.initDomain(this.domid);
    this.#isScheduled = true;
    if (Object.keys(config.scheduling).length > 0) {
      const refused = dispatcher.adjust(this.domid, config.scheduling);
      if (refused !== undefined) throw schedulingRefused(refused);
    }
    for (const vcpu of this.vcpus) {
      this.affinities.push(config.cpus);
      const pcpu = dispatcher.add(vcpu, this.#affinity(config.cpus));
      if (this.#isBound(vcpu)) this.setAffinity(vcpu, affinityOf(pcpu));
    }
    const { boot, store, consolePort } = this.#built;
    this.#hosted = {
      ...this.peer,
      handle: this.#handle,
      records: allocateRecords(this.vcpus.length),
      uuid: Uint8Array.from(Buffer.from(config.uuid.replaceAll('-', ''), 'hex')),
      boot,
      consolePort,
      store,
      startNs: hostNow(),
      startTimeNs: BigInt(Date.now()) * 1_000_000n,
      engine,
      clock,
      cpu: config.cpu,
      ...(trace === undefined ? {} : { trace }),
      outputTold: this.#sideTold,
      outputWaits,
    };
    for (const link of this.#services.links()) link.send({ kind: 'peer', peer: this.peer });
    const { ram, physmap, events } = this.state;
    const page = physmap.address(pvhLayout.consoleGfn);
    console.connect({
      page: new ConsoleRing(ram.bytes.subarray(page, page + PAGE), { write: () => undefined, notify: () => events.notify(consolePort) }),
      sides: this.#sides,
    });
  }

  /** The pCPUs that all its vCPUs may run on: of very many, 32. */
  #affinity(cpus: Affinity): Affinity {
    const pcpus = this.#services.links().length;
    if (pcpus <= MOST_CORES) return cpus;
    const first = (this.domid % Math.ceil(pcpus / MOST_CORES)) * MOST_CORES;
    const window = cpus & (affinityOf(...Array(MOST_CORES).keys()) << BigInt(first));
    return window === 0n ? affinityOf([...Array(pcpus).keys()].find((pcpu) => allowsPcpu(cpus, pcpu)) ?? 0) : window;
  }

  /** Devices of plugins and traces are with vCPU 0, in the thread of one pCPU. */
  #isBound({ vcpuId }: SchedulerVcpu): boolean {
    return vcpuId === 0 && this.#services.isBound;
  }

  /** Changes where one of its vCPUs may run. */
  setAffinity(vcpu: SchedulerVcpu, cpus: Affinity): void {
    const home = this.board.homeOf(vcpu.vcpuId);
    if (this.#isBound(vcpu) && home !== NOWHERE && !allowsPcpu(cpus, home)) {
      throw new HypervisorError('HV_ERR_DOMAIN_STATE', `vCPU 0 cannot leave pCPU ${home}: devices of plugins, or its trace, are there`, {
        hint: 'give cpus in the configuration of the domain',
      });
    }
    this.affinities[vcpu.vcpuId] = cpus;
    this.#services.dispatcher.setAffinity(vcpu, this.#affinity(cpus));
  }

  /** Before a pCPU is ordered to run it for the first time: all that it needs for that. */
  hostOn(pcpu: number): void {
    if (this.#hosts.has(pcpu) || this.#hosted === undefined) return;
    // what earlier runs translated serves the first core: the guest boots there
    const known = this.#hosts.size === 0 ? this.#services.regions?.known : undefined;
    this.#hosts.add(pcpu);
    const output = ByteRing.allocate(SIDE_BYTES);
    this.#sides.push({ ring: new ByteRing(output), taken: () => this.#services.doorbells[pcpu]?.ring() });
    const translator = this.#translatorPort(pcpu, known);
    const config: HostedDomainConfig = {
      ...this.#hosted,
      output,
      ...(known === undefined ? {} : { known }),
      ...(translator === undefined ? {} : { translator }),
    };
    this.#services.link(pcpu).send({ kind: 'host', config }, translator === undefined ? [] : [translator]);
  }

  #translatorPort(home: number, known: PackedRequests | undefined): MessagePort | undefined {
    const { engine, clock, translators, index, doorbellMemory, trace } = this.#services;
    const doorbell = doorbellMemory[home];
    if (trace !== undefined || translators === undefined || doorbell === undefined || !wantsTranslator({ engine, clock })) return undefined;
    const { port1, port2 } = new MessageChannel();
    // When it fails the guest goes on in the interpreter.
    const task = { port: port2, functions: index.functions, doorbell, ...(known === undefined ? {} : { known }) };
    void translators.run(task, [port2]).catch(() => undefined);
    return port1;
  }
}

/** The error about parameters that a scheduler refuses. */
export function schedulingRefused({ parameter, expected, seen }: ParameterRefusal): HypervisorError {
  return new HypervisorError('HV_ERR_SCHEDULER_PARAMETER', `the scheduler refuses ${parameter}: expected was ${expected}; seen was ${seen}`, {
    hint: "the scheduler's README lists its parameters",
  });
}
