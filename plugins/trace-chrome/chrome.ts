import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { HypervisorError, type RunTraced, type TraceRecord } from '#sdk';

/** Text that is collected before it goes to the file. */
const CHUNK_CHARACTERS = 1 << 16;
/** Text that may wait for the disk; records beyond that are counted, and not kept. */
const MOST_WAITING_BYTES = 64 << 20;
/** Groups of tracks: what pCPUs were ordered, what they ran, and one for each domain. */
const ORDERS = 1;
const VISITS = 2;
const FIRST_DOMAIN = 1000;

/** One event as Chrome's trace viewer and Perfetto read it; times in microseconds. */
interface ChromeEvent {
  readonly name: string;
  readonly ph: 'X' | 'i' | 'M';
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly s?: 't' | 'p';
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Writes records into a file of Chrome's trace event format, as they come. */
export class ChromeTrace {
  readonly #path: string;
  readonly #names = new Map<number, string>();
  readonly #orders = new Map<number, RunTraced>();
  #stream: WriteStream | undefined;
  #isEnded = false;
  #text = '{"displayTimeUnit":"ns","traceEvents":[\n';
  #events = 0;
  #lost = 0;
  #lastNs = 0;

  constructor(path: string) {
    this.#path = path;
    for (const [pid, name] of [
      [ORDERS, 'pCPUs: orders'],
      [VISITS, 'pCPUs: guest code'],
    ] as const) {
      this.#put({ name: 'process_name', ph: 'M', pid, args: { name } });
    }
  }

  /**
   * Makes the file.
   * @throws HypervisorError `HV_ERR_FILE_WRITE`
   */
  async open(): Promise<void> {
    const stream = createWriteStream(this.#path);
    try {
      await once(stream, 'open');
    } catch (cause) {
      this.#isEnded = true;
      throw new HypervisorError('HV_ERR_FILE_WRITE', `the trace ${this.#path} cannot be written: ${(cause as { code?: string }).code ?? String(cause)}`, {
        hint: 'name a file in a directory that exists and may be written',
        cause,
      });
    }
    // What the disk does not take is lost; that is no reason to stop a hypervisor.
    stream.on('error', () => {
      this.#isEnded = true;
    });
    this.#stream = stream;
  }

  /** Takes a record. */
  add(record: TraceRecord): void {
    this.#lastNs = Math.max(this.#lastNs, record.atNs);
    switch (record.kind) {
      case 'run':
        this.#endOrder(record.pcpu, record.atNs);
        if (record.domid >= 0) this.#orders.set(record.pcpu, record);
        break;
      case 'exit':
        this.#put({
          ...this.#slice(record),
          pid: VISITS,
          tid: record.pcpu,
          ts: us(record.fromNs),
          dur: us(record.atNs - record.fromNs),
          args: { exit: record.reason },
        });
        break;
      case 'domain':
        this.#nameDomain(record.domid, record.name);
        this.#put({ name: record.what, ph: 'i', s: 'p', pid: FIRST_DOMAIN + record.domid, tid: 0, ts: us(record.atNs) });
        break;
      default:
        if (!this.#names.has(record.domid)) this.#nameDomain(record.domid, `domain ${record.domid}`);
        this.#put({ name: record.kind, ph: 'i', s: 't', pid: FIRST_DOMAIN + record.domid, tid: 'vcpu' in record ? record.vcpu : 0, ts: us(record.atNs) });
    }
  }

  /** Ends the file. */
  async close(): Promise<void> {
    for (const pcpu of [...this.#orders.keys()]) this.#endOrder(pcpu, this.#lastNs);
    const stream = this.#stream;
    if (stream === undefined || this.#isEnded) return;
    this.#flush();
    this.#isEnded = true;
    stream.end(`\n],"otherData":{"recordsLost":${this.#lost}}}\n`);
    await finished(stream).catch(() => undefined);
  }

  #endOrder(pcpu: number, atNs: number): void {
    const order = this.#orders.get(pcpu);
    this.#orders.delete(pcpu);
    if (order === undefined) return;
    this.#put({
      ...this.#slice(order),
      pid: ORDERS,
      tid: pcpu,
      ts: us(order.atNs),
      dur: us(atNs - order.atNs),
      args: { sliceUs: us(order.untilNs - order.atNs) },
    });
  }

  #slice({ domid, vcpu }: { readonly domid: number; readonly vcpu: number }): Pick<ChromeEvent, 'name' | 'ph'> {
    return { name: `${this.#names.get(domid) ?? `domain ${domid}`} / ${vcpu}`, ph: 'X' };
  }

  #nameDomain(domid: number, name: string): void {
    if (this.#names.get(domid) === name) return;
    this.#names.set(domid, name);
    this.#put({ name: 'process_name', ph: 'M', pid: FIRST_DOMAIN + domid, args: { name: `${name} (${domid})` } });
  }

  #put(event: ChromeEvent): void {
    if (this.#isEnded) return;
    if ((this.#stream?.writableLength ?? 0) + this.#text.length > MOST_WAITING_BYTES) {
      this.#lost++;
      return;
    }
    this.#text += `${this.#events++ === 0 ? '' : ',\n'}${JSON.stringify(event)}`;
    if (this.#text.length > CHUNK_CHARACTERS) this.#flush();
  }

  #flush(): void {
    if (this.#stream === undefined) return;
    this.#stream.write(this.#text);
    this.#text = '';
  }
}

function us(ns: number): number {
  return Math.round(ns) / 1000;
}
