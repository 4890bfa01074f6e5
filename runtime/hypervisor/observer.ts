import type { BackendLog, HypervisorError, HypervisorStats, LogRecord, TraceRecord } from '#sdk';
import { hostNow } from '../machine/clock.ts';
import { unpackRuns } from '../pcpu/run-trace.ts';
import type { MainPlugins } from '../plugin/index.ts';

const STATS_MS = 1000;

/** What an observer needs of its hypervisor. */
export interface Observed {
  /** Takes messages for the operator that are not only for defects. */
  readonly log: (message: string) => void;
  /** What was counted until now. */
  stats(): HypervisorStats;
  /** Has the threads of pCPUs tell of each visit to guest code, or no longer. */
  setTracing(on: boolean): void;
}

/** Tells plugins what happens, as far as any of them wants to know: while none does, this costs a look at a flag. */
export class Observer {
  readonly #plugins: MainPlugins;
  readonly #observed: Observed;
  #traces = false;
  #logs = false;
  #stats: NodeJS.Timeout | undefined;

  constructor(plugins: MainPlugins, observed: Observed) {
    this.#plugins = plugins;
    this.#observed = observed;
    this.#logs = plugins.isUsed('logged');
  }

  /** Whether pCPUs tell of each visit to guest code. */
  get traces(): boolean {
    return this.#traces;
  }

  /** Plugins came or went. */
  refresh(): void {
    this.#logs = this.#plugins.isUsed('logged');
    const traces = this.#plugins.isUsed('traced');
    if (traces !== this.#traces) this.#observed.setTracing(traces);
    this.#traces = traces;
    const collects = this.#plugins.isUsed('statsCollected');
    if (!collects) clearInterval(this.#stats);
    else if (this.#stats === undefined) this.#collect();
    this.#stats = collects ? (this.#stats ?? setInterval(() => this.#collect(), STATS_MS).unref()) : undefined;
  }

  /** The hypervisor ends. */
  close(): void {
    if (this.#stats === undefined) return;
    clearInterval(this.#stats);
    this.#collect();
  }

  /** A pCPU was ordered to run a vCPU. */
  ordered(pcpu: number, domid: number, vcpu: number, untilNs: number): void {
    if (this.#traces) this.#trace({ kind: 'run', atNs: hostNow(), pcpu, domid, vcpu, untilNs });
  }

  /** Visits to guest code, as a pCPU's thread packed them. */
  exits(pcpu: number, runs: Float64Array): void {
    if (this.#traces) for (const record of unpackRuns(pcpu, runs)) this.#trace(record);
  }

  /** A vCPU waits, was woken, or gave way. */
  blocked(kind: 'blocked' | 'woken' | 'yielded', domid: number, vcpu: number): void {
    if (this.#traces) this.#trace({ kind, atNs: hostNow(), domid, vcpu });
  }

  /** A domain signalled event channels. */
  event(domid: number): void {
    if (this.#traces) this.#trace({ kind: 'event', atNs: hostNow(), domid });
  }

  /** A domain was created, or is gone. */
  domain(what: 'created' | 'ended', { id, name }: { readonly id: number; readonly name: string }): void {
    if (this.#traces) this.#trace({ kind: 'domain', atNs: hostNow(), domid: id, name, what });
    if (this.#logs)
      this.#plugins.logged({
        level: 'info',
        message: `domain ${name} ${what === 'created' ? 'was created' : 'has ended'}`,
        fields: { domid: id, domain: name },
      });
  }

  /** An operator's warning. */
  warning({ code, message }: HypervisorError): void {
    if (this.#logs) this.#plugins.logged({ level: 'warn', message, fields: { code } });
  }

  /** Where backends send messages. */
  backendLog(): BackendLog {
    const take = (level: LogRecord['level'], message: string, fields: LogRecord['fields'] = {}): void => {
      if (level !== 'debug') this.#observed.log(message);
      if (this.#logs) this.#plugins.logged({ level, message, fields });
    };
    return {
      debug: (message, fields) => take('debug', message, fields),
      info: (message, fields) => take('info', message, fields),
      warn: (message, fields) => take('warn', message, fields),
    };
  }

  #trace(record: TraceRecord): void {
    this.#plugins.traced(record);
  }

  #collect(): void {
    this.#plugins.statsCollected(this.#observed.stats());
  }
}
