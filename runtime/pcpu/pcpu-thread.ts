import { receiveMessageOnPort } from 'node:worker_threads';
import { hostNow } from '../machine/clock.ts';
import type { TranslateNow } from '../machine/translation.ts';
import { loadPluginsAgain, type PcpuPlugins, type PluginRequest } from '../plugin/index.ts';
import { garbageCollector } from './collect-garbage.ts';
import { NOWHERE } from './domain-board.ts';
import { Doorbell } from './doorbell.ts';
import { type FatalEnd, HostedDomain } from './hosted-domain.ts';
import type { HostedVcpu } from './hosted-vcpu.ts';
import { PcpuMailbox, type PcpuOrder } from './pcpu-mailbox.ts';
import type { HostedDomainConfig, PcpuCommand, PcpuReport, PcpuStart } from './pcpu-protocol.ts';
import { PeerDomains } from './peer-domains.ts';
import { toPlainError } from './plain-error.ts';
import { RunTrace } from './run-trace.ts';
import { translationMode } from './translation-modes.ts';

/** Between looks at the doorbell, timers and orders. */
const SLICE_MS = 1;
/** The least that a vCPU is run for, so that what surrounds a slice stays small beside it. */
const LEAST_SLICE_MS = 0.1;
/** Waiting costs about this much: for less, time is better spent looking again. */
const LEAST_WAIT_MS = 0.03;
/** Collecting garbage takes some 10 ms, and so waits for an idle moment and for several domains that are gone. */
const MOST_GONE = 8;
/** A pCPU that is never idle can't wait for ever: what hangs on so many is worth those 10 ms. */
const MOST_GONE_BUSY = 32;
const NOBODY = -1;

/**
 * Hot path: the loop of a pCPU. It runs the vCPU that the main thread ordered until there is another order, tells when
 * that vCPU waits or its time is over, and looks after events and timers of those that wait here. A vCPU that could run
 * and is not ordered to is let go at once, one that waits when another pCPU wants it. It never waits for the main
 * thread's event loop while it has something to run.
 */
export class PcpuThread {
  readonly #start: PcpuStart;
  readonly #plugins: PcpuPlugins;
  readonly #mailbox: PcpuMailbox;
  readonly #doorbell: Doorbell;
  readonly #peers: PeerDomains;
  readonly #domains = new Map<number, HostedDomain>();
  /** The vCPUs that this pCPU has: the one that it runs, and those that wait. */
  readonly #here = new Set<HostedVcpu>();
  readonly #translate: TranslateNow | undefined;
  readonly #collect = garbageCollector();
  /** The order that was read last. */
  #order = 0;
  /** The vCPU that it is for, if it is here. */
  #current: HostedVcpu | undefined;
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
    const doorbells = start.doorbells.map((memory) => new Doorbell(memory));
    this.#peers = new PeerDomains(doorbells);
    const own = doorbells[start.pcpu];
    if (own === undefined) throw new Error(`there is no doorbell of pCPU ${start.pcpu}`);
    this.#doorbell = own;
  }

  /** Takes orders until a stop is asked for. */
  run(): void {
    this.#post({ kind: 'ready' });
    while (!this.#doorbell.stopRequested) this.#turn();
    for (const domain of this.#domains.values()) domain.close();
  }

  #turn(): void {
    const { sequence } = this.#doorbell;
    const order = this.#mailbox.read();
    this.#order = order.sequence;
    this.#mailbox.beat();
    this.#doorbell.running = NOBODY;
    if (this.#mailbox.takeAnnouncement()) this.#listen();
    const before = this.#current;
    this.#current = this.#isFor(order, before) ? before : undefined;
    if (before !== undefined && this.#current === undefined && !before.asleep) this.#letGo(before);
    this.#collectIf(MOST_GONE_BUSY);
    this.#current ??= this.#fetch(order);
    this.#attend(order.domid === NOBODY);
    const current = this.#current;
    const runs = current !== undefined && this.#canRun(current, order);
    if (runs) this.#run(current, order);
    this.#checkTime(order);
    if (!runs) this.#rest(order, sequence);
  }

  #isFor({ domid, vcpu }: PcpuOrder, hosted: HostedVcpu | undefined): boolean {
    return hosted !== undefined && hosted.domid === domid && hosted.vcpu === vcpu && this.#here.has(hosted);
  }

  /** Takes what the main thread sent. */
  #listen(): void {
    for (let next = receiveMessageOnPort(this.#start.port); next !== undefined; next = receiveMessageOnPort(this.#start.port)) {
      this.#obey(next.message as PcpuCommand);
    }
  }

  #obey(command: PcpuCommand): void {
    if (command.kind === 'host') this.#host(command.config);
    else if (command.kind === 'peer') this.#peers.add(command.peer);
    else if (command.kind === 'forget') this.#forget(command.domid);
    else if (command.kind === 'load') this.#load(command.plugin);
    else if (command.kind === 'unload') this.#plugins.remove(command.plugin);
    else if (command.kind === 'trace') this.#runs = command.on ? new RunTrace((runs) => this.#post({ kind: 'runs', runs })) : undefined;
    else this.#post({ kind: 'synced', id: command.id });
  }

  #load(request: PluginRequest): void {
    try {
      for (const loaded of loadPluginsAgain([request], this.#start.directory)) this.#plugins.add(loaded);
    } catch (error) {
      this.#post({ kind: 'plugin-failed', error: toPlainError(error) });
    }
  }

  #host(config: HostedDomainConfig): void {
    const { port, module, index, directory, pcpu } = this.#start;
    const domain = new HostedDomain(config, {
      module,
      index,
      directory,
      port,
      pcpu,
      doorbell: this.#doorbell,
      peers: { find: (other) => this.#peers.find(other) },
      translation: translationMode(config, this.#translate),
      nudge: (other) => this.#peers.nudge(other),
      kicked: () => this.#kicked(),
      waiting: () => this.#mailbox.beat(),
    });
    this.#domains.set(domain.domid, domain);
  }

  #forget(domid: number): void {
    const domain = this.#domains.get(domid);
    this.#domains.delete(domid);
    this.#peers.delete(domid);
    for (const vcpu of this.#here) if (vcpu.domain === domain) this.#here.delete(vcpu);
    const stats = domain?.abandon();
    const known = domain?.known;
    this.#gone++;
    this.#post({ kind: 'forgotten', domid, ...(stats === undefined ? {} : { stats }), ...(known === undefined ? {} : { known }) });
  }

  /** The vCPU of an order, when it is here or can be taken; else whoever has it is asked for it. */
  #fetch({ domid, vcpu }: PcpuOrder): HostedVcpu | undefined {
    const domain = this.#domains.get(domid);
    if (domain === undefined || domain.ended) return undefined;
    const { pcpu } = this.#start;
    const { board } = domain;
    if (board.homeOf(vcpu) !== pcpu && !board.take(vcpu, pcpu)) {
      const home = board.want(vcpu, pcpu);
      if (home !== NOWHERE) {
        this.#peers.nudge(home);
        return undefined;
      }
      if (!board.take(vcpu, pcpu)) return undefined;
    }
    try {
      const hosted = domain.vcpu(vcpu, (created) => {
        if (vcpu === 0) this.#plugins.platformCreated(created.platform());
      });
      if (this.#here.has(hosted)) return hosted;
      hosted.arrive();
      this.#here.add(hosted);
      return hosted;
    } catch (error) {
      this.#post({ kind: 'ended', domid, end: domain.failed(toPlainError(error)) });
      return undefined;
    }
  }

  #letGo(vcpu: HostedVcpu): void {
    this.#here.delete(vcpu);
    vcpu.letGo();
  }

  /** Something has kicked the core that runs: its slice ends if the pCPU has more to do than that vCPU. */
  #kicked(): void {
    const current = this.#current;
    if (current !== undefined && (this.#mailbox.hasNews(this.#order) || this.#othersWait(current))) current.machine.core.expire();
  }

  #othersWait(current: HostedVcpu): boolean {
    for (const other of this.#here) {
      const { board } = other.domain;
      if (other !== current && (board.isKicked(other.vcpu) || board.isWanted(other.vcpu))) return true;
    }
    return false;
  }

  /**
   * Looks after those that wait: events that came, timers that are due, other pCPUs that want them. One that can run again stays while
   * this pCPU has no order: most probably it will be ordered here.
   */
  #attend(idles: boolean): void {
    for (const vcpu of this.#here) {
      const isKicked = vcpu.domain.board.takeKick(vcpu.vcpu);
      if (vcpu !== this.#current) this.#attendTo(vcpu, isKicked, idles);
    }
  }

  #attendTo(vcpu: HostedVcpu, isKicked: boolean, idles: boolean): void {
    if (vcpu.domain.board.isWanted(vcpu.vcpu)) {
      // Who wanted it may not want it any more: what is nowhere has to be ordered to run, or nobody looks after it.
      if (vcpu.asleep) vcpu.woken();
      this.#letGo(vcpu);
      return;
    }
    if (vcpu.asleep && (isKicked || vcpu.untilTimer() <= 0)) {
      vcpu.touch();
      if (vcpu.machine.attend()) vcpu.woken();
      vcpu.settle();
    }
    if (!vcpu.asleep && !idles) this.#letGo(vcpu);
  }

  /** Whether the vCPU of an order can run; the main thread is told when it cannot. */
  #canRun(vcpu: HostedVcpu, { sequence }: PcpuOrder): boolean {
    if (vcpu.domain.ended) return false;
    vcpu.touch();
    if (vcpu.machine.attend() || vcpu.skipToTimer()) {
      // What was said about an order before this one counts no longer.
      if (vcpu.asleep && vcpu.blockedAt === sequence) vcpu.woken();
      vcpu.asleep = false;
      return true;
    }
    vcpu.settle();
    if (vcpu.blockedAt !== sequence || !vcpu.asleep) {
      vcpu.asleep = true;
      vcpu.blockedAt = sequence;
      this.#post({ kind: 'blocked', domid: vcpu.domid, vcpu: vcpu.vcpu, sequence });
    }
    return false;
  }

  #run(vcpu: HostedVcpu, { sequence, untilNs }: PcpuOrder): void {
    const { domain, domid } = vcpu;
    this.#doorbell.running = domid;
    // Whoever wrote an order before it saw what runs has kicked nobody.
    if (this.#mailbox.hasNews(sequence)) return;
    const left = (untilNs - hostNow()) / 1e6;
    // A slice that is over goes on until there is another order.
    let ms = left > 0 ? Math.min(SLICE_MS, left) : SLICE_MS;
    for (const each of this.#here) ms = Math.min(ms, each.untilTimer());
    const fromNs = this.#runs === undefined ? 0 : hostNow();
    try {
      const end = vcpu.slice(Math.max(LEAST_SLICE_MS, ms));
      this.#runs?.add(vcpu, fromNs, end);
      if (end === 'halt' && domain.isDead(vcpu)) this.#end(vcpu, 'dead-halt');
      else if (end !== 'budget' && end !== 'halt') this.#end(vcpu, end);
    } catch (error) {
      this.#post({ kind: 'ended', domid, end: domain.failed(toPlainError(error), vcpu) });
    }
    if (!vcpu.machine.takeGaveWay() || vcpu.yieldedAt === sequence) return;
    vcpu.yieldedAt = sequence;
    this.#post({ kind: 'yielded', domid, vcpu: vcpu.vcpu, sequence });
  }

  #end(vcpu: HostedVcpu, end: FatalEnd): void {
    this.#post({ kind: 'ended', domid: vcpu.domid, end: vcpu.domain.endingOf(vcpu, end) });
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
    for (const vcpu of this.#here) if (vcpu.asleep) ms = Math.min(ms, vcpu.untilTimer());
    if (ms < LEAST_WAIT_MS) return;
    this.#runs?.flush();
    if (this.#collectIf(MOST_GONE)) return;
    this.#doorbell.wait(doorbell, ms);
  }

  /** Collects garbage when so many domains are gone; whether it did. */
  #collectIf(gone: number): boolean {
    if (this.#gone < gone) return false;
    this.#gone = 0;
    this.#collect();
    return true;
  }

  #post(report: PcpuReport): void {
    this.#start.port.postMessage(report);
  }
}
