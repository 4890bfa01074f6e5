import { receiveMessageOnPort } from 'node:worker_threads';
import type { PackedRequests } from '#jit';
import { DomainState } from '../domain/domain-state.ts';
import type { EventChannels } from '../event/event-channels.ts';
import { hostNow } from '../machine/clock.ts';
import type { SliceEnd } from '../machine/pc-machine.ts';
import type { TranslateNow } from '../machine/translation.ts';
import { MAX_VCPUS } from '../memory/domain-tables.ts';
import { loadPluginsAgain, type PcpuPlugins, type PluginRequest } from '../plugin/index.ts';
import { garbageCollector } from './collect-garbage.ts';
import { DomainBoard } from './domain-board.ts';
import { Doorbell } from './doorbell.ts';
import { HostedVcpu } from './hosted-vcpu.ts';
import { PcpuMailbox, type PcpuOrder } from './pcpu-mailbox.ts';
import type { HostedVcpuConfig, PcpuCommand, PcpuReport, PcpuStart, PeerDomain } from './pcpu-protocol.ts';
import { toPlainError } from './plain-error.ts';
import { RunTrace } from './run-trace.ts';
import type { RunStats } from './run-stats.ts';
import { translationMode } from './translation-modes.ts';

/** Between looks at the doorbell, timers and orders. */
const SLICE_MS = 1;
/** The least that a vCPU is run for, so that what surrounds a slice stays small beside it. */
const LEAST_SLICE_MS = 0.1;
/** Waiting costs about this much: for less, time is better spent looking again. */
const LEAST_WAIT_MS = 0.03;
/** Collecting garbage takes some 10 ms, and so waits for an idle moment and for several domains that are gone. */
const MOST_GONE = 8;
const NOBODY = -1;

const keyOf = (domid: number, vcpu: number): number => domid * MAX_VCPUS + vcpu;

/**
 * Hot path: the loop of a pCPU. It runs the vCPU that the main thread ordered until there is another order, tells when
 * that vCPU waits or its time is over, and looks after events and timers of the others that live here. It never waits
 * for the main thread's event loop while it has something to run.
 */
export class PcpuThread {
  readonly #start: PcpuStart;
  readonly #plugins: PcpuPlugins;
  readonly #mailbox: PcpuMailbox;
  readonly #doorbells: readonly Doorbell[];
  readonly #doorbell: Doorbell;
  /** By {@link keyOf}. */
  readonly #hosted = new Map<number, HostedVcpu>();
  readonly #peers = new Map<number, PeerDomain>();
  readonly #peerStates = new Map<number, DomainState>();
  readonly #translate: TranslateNow | undefined;
  readonly #collect = garbageCollector();
  /** Domains that were forgotten since garbage was collected. */
  #gone = 0;
  #expiredAt = NOBODY;
  /** While somebody traces. */
  #runs: RunTrace | undefined;

  /** @param translate - for domains whose code is translated on this thread */
  constructor(start: PcpuStart, plugins: PcpuPlugins, translate: TranslateNow | undefined) {
    this.#start = start;
    this.#plugins = plugins;
    this.#translate = translate;
    this.#mailbox = new PcpuMailbox(start.mailbox);
    this.#doorbells = start.doorbells.map((memory) => new Doorbell(memory));
    const own = this.#doorbells[start.pcpu];
    if (own === undefined) throw new Error(`there is no doorbell of pCPU ${start.pcpu}`);
    this.#doorbell = own;
  }

  /** Takes orders until a stop is asked for. */
  run(): void {
    this.#post({ kind: 'ready' });
    while (!this.#doorbell.stopRequested) this.#turn();
    for (const vcpu of this.#hosted.values()) vcpu.close();
  }

  #turn(): void {
    const { sequence } = this.#doorbell;
    const order = this.#mailbox.read();
    this.#mailbox.beat(NOBODY);
    if (this.#mailbox.takeAnnouncement()) this.#listen();
    this.#attend();
    const current = this.#hosted.get(keyOf(order.domid, order.vcpu));
    const runs = current !== undefined && this.#canRun(current, order);
    if (runs) this.#run(current, order);
    this.#checkTime(order);
    if (!runs) this.#rest(order, sequence);
  }

  /** Takes what the main thread sent. */
  #listen(): void {
    for (let next = receiveMessageOnPort(this.#start.port); next !== undefined; next = receiveMessageOnPort(this.#start.port)) {
      this.#obey(next.message as PcpuCommand);
    }
  }

  #obey(command: PcpuCommand): void {
    if (command.kind === 'host') this.#host(command.config);
    else if (command.kind === 'peer') this.#peers.set(command.peer.handle.domid, command.peer);
    else if (command.kind === 'forget') this.#forget(command.domid);
    else if (command.kind === 'load') this.#load(command.plugin);
    else if (command.kind === 'unload') this.#plugins.remove(command.plugin);
    else if (command.kind === 'trace') this.#runs = command.on ? new RunTrace((runs) => this.#post({ kind: 'runs', runs })) : undefined;
    else this.#post({ kind: 'synced', id: command.id });
  }

  #host(config: HostedVcpuConfig): void {
    const { port, module, index, directory } = this.#start;
    const { domid } = config.handle;
    const key = keyOf(domid, config.vcpu);
    try {
      const vcpu = new HostedVcpu(config, {
        module,
        index,
        directory,
        port,
        pcpu: this.#start.pcpu,
        doorbell: this.#doorbell,
        doorbells: this.#doorbells,
        peers: { find: (other) => this.#findPeer(other) },
        translation: translationMode(config, this.#translate),
      });
      this.#hosted.set(key, vcpu);
      if (config.vcpu === 0) this.#plugins.platformCreated(vcpu.platform());
    } catch (error) {
      this.#hosted.delete(key);
      this.#post({ kind: 'ended', domid, end: { kind: 'failed', error: toPlainError(error) } });
    }
  }

  #forget(domid: number): void {
    let stats: RunStats | undefined;
    let known: PackedRequests | undefined;
    for (const [key, vcpu] of this.#hosted) {
      if (vcpu.domid !== domid) continue;
      this.#hosted.delete(key);
      if (!vcpu.ended) stats = vcpu.abandon() ?? stats;
      known ??= vcpu.known;
    }
    this.#peers.delete(domid);
    this.#peerStates.delete(domid);
    this.#gone++;
    this.#post({ kind: 'forgotten', domid, ...(stats === undefined ? {} : { stats }), ...(known === undefined ? {} : { known }) });
  }

  #load(request: PluginRequest): void {
    try {
      for (const loaded of loadPluginsAgain([request], this.#start.directory)) this.#plugins.add(loaded);
    } catch (error) {
      this.#post({ kind: 'plugin-failed', error: toPlainError(error) });
    }
  }

  /** The event channels of another domain, on this thread. */
  #findPeer(domid: number): EventChannels | undefined {
    const peer = this.#peers.get(domid);
    if (peer === undefined) return undefined;
    let state = this.#peerStates.get(domid);
    if (state === undefined) {
      const board = new DomainBoard(peer.board);
      const peers = { find: (other: number) => this.#findPeer(other), signal: () => undefined, closed: () => undefined };
      state = new DomainState(peer.handle, { kick: (vcpu) => board.kick(vcpu, this.#doorbells), peers });
      this.#peerStates.set(domid, state);
    }
    return state.events;
  }

  /** Looks after those that wait: events that came, timers that are due. */
  #attend(): void {
    for (const vcpu of this.#hosted.values()) {
      const isKicked = vcpu.board.takeKick(vcpu.vcpu);
      if (!vcpu.asleep || (!isKicked && vcpu.untilTimer() > 0)) continue;
      if (vcpu.machine.attend()) vcpu.woken();
    }
  }

  /** Whether the vCPU of an order can run; the main thread is told when it cannot. */
  #canRun(vcpu: HostedVcpu, { sequence }: PcpuOrder): boolean {
    if (vcpu.ended) return false;
    if (vcpu.machine.attend() || vcpu.skipToTimer()) {
      // Also when what it waited for came just now: the main thread may not have heard yet that it waited.
      if (vcpu.asleep) vcpu.woken();
      return true;
    }
    if (vcpu.blockedAt !== sequence || !vcpu.asleep) {
      vcpu.asleep = true;
      vcpu.blockedAt = sequence;
      this.#post({ kind: 'blocked', domid: vcpu.domid, vcpu: vcpu.vcpu, sequence });
    }
    return false;
  }

  #run(vcpu: HostedVcpu, { untilNs }: PcpuOrder): void {
    this.#mailbox.beat(vcpu.domid);
    const left = (untilNs - hostNow()) / 1e6;
    // A slice that is over goes on until there is another order.
    let ms = left > 0 ? Math.min(SLICE_MS, left) : SLICE_MS;
    for (const each of this.#hosted.values()) ms = Math.min(ms, each.untilTimer());
    const fromNs = this.#runs === undefined ? 0 : hostNow();
    let end: ReturnType<HostedVcpu['slice']>;
    try {
      end = vcpu.slice(Math.max(LEAST_SLICE_MS, ms));
      this.#runs?.add(vcpu, fromNs, end);
      if (end === 'halt' && vcpu.isDomainDead) this.#end(vcpu, 'dead-halt');
      else if (end !== 'budget' && end !== 'halt') this.#end(vcpu, end);
    } catch (error) {
      vcpu.ended = true;
      this.#post({ kind: 'ended', domid: vcpu.domid, end: vcpu.failed(toPlainError(error)) });
    }
  }

  #end(vcpu: HostedVcpu, end: Exclude<SliceEnd, 'budget' | 'halt'> | 'exit' | 'dead-halt'): void {
    const ending = vcpu.endingOf(end);
    vcpu.ended = true;
    this.#post({ kind: 'ended', domid: vcpu.domid, end: ending });
  }

  /** Asks for another order when the time of this one is over; once. */
  #checkTime({ sequence, untilNs }: PcpuOrder): void {
    if (this.#expiredAt === sequence || untilNs > hostNow()) return;
    this.#expiredAt = sequence;
    this.#post({ kind: 'expired', sequence });
  }

  /** Waits for the doorbell or for a moment at which there is something to do. */
  #rest({ sequence, untilNs }: PcpuOrder, doorbell: number): void {
    let ms = this.#expiredAt === sequence ? Number.POSITIVE_INFINITY : (untilNs - hostNow()) / 1e6;
    for (const vcpu of this.#hosted.values()) if (vcpu.asleep) ms = Math.min(ms, vcpu.untilTimer());
    if (ms < LEAST_WAIT_MS) return;
    this.#runs?.flush();
    if (this.#gone >= MOST_GONE) {
      this.#gone = 0;
      this.#collect();
      return;
    }
    this.#doorbell.wait(doorbell, ms);
  }

  #post(report: PcpuReport): void {
    this.#start.port.postMessage(report);
  }
}
