import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Doorbell } from '../pcpu/doorbell.ts';
import { PcpuMailbox } from '../pcpu/pcpu-mailbox.ts';
import type { PcpuCommand, PcpuReport, PcpuStart } from '../pcpu/pcpu-protocol.ts';
import { OrderedPcpuPool } from '../pcpu/pool.ts';

/** What all pCPUs are started with. */
export interface PcpuShared extends Omit<PcpuStart, 'pcpu' | 'mailbox' | 'port'> {
  /** Whether code is translated on the pCPUs' own threads. */
  readonly translatesHere: boolean;
}

/** Who hears from a pCPU. */
export interface PcpuLinkListener {
  report(pcpu: number, report: PcpuReport): void;
  /** The thread has ended though nobody asked it to. */
  lost(pcpu: number, cause: unknown): void;
}

/** A pCPU as the main thread sees it: a thread that takes orders. */
export class PcpuLink {
  readonly pcpu: number;
  /** Kept when the thread takes orders; rejected when it cannot begin. */
  readonly ready: Promise<void>;
  readonly #mailbox: PcpuMailbox;
  readonly #doorbell: Doorbell;
  readonly #pool = new OrderedPcpuPool();
  readonly #port: MessagePort;
  #ending = false;

  constructor(pcpu: number, shared: PcpuShared, listener: PcpuLinkListener) {
    const { translatesHere, ...common } = shared;
    const memory = PcpuMailbox.allocate();
    this.pcpu = pcpu;
    this.#mailbox = new PcpuMailbox(memory);
    this.#doorbell = new Doorbell(shared.doorbells[pcpu] as SharedArrayBuffer);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const ran = this.#pool.run({ start: { ...common, pcpu, mailbox: memory, port: port2 }, translatesHere }, [port2]);
    const started = Promise.withResolvers<void>();
    port1.on('message', (report: PcpuReport) => {
      if (report.kind === 'ready') started.resolve();
      else listener.report(pcpu, report);
    });
    let isReady = false;
    this.ready = started.promise.then(() => {
      isReady = true;
    });
    // Whoever waits for it hears of it all the same.
    this.ready.catch(() => undefined);
    ran.then(
      () => this.#ending || listener.lost(pcpu, new Error('its thread has ended')),
      (cause) => {
        started.reject(cause);
        if (!this.#ending && isReady) listener.lost(pcpu, cause);
      },
    );
  }

  /** Leaves an order: a vCPU to run, or domid -1 to idle; returns its number. It is to be told afterwards. */
  order(domid: number, vcpu: number, untilNs: number): number {
    return this.#mailbox.post(domid, vcpu, untilNs);
  }

  /** Wakes it. */
  ring(): void {
    this.#doorbell.ring();
  }

  /** Has it ask for the next order earlier. */
  hasten(untilNs: number): void {
    this.#mailbox.hasten(untilNs);
    this.#doorbell.ring();
  }

  /** Sends a command. */
  send(command: PcpuCommand, transfer: readonly MessagePort[] = []): void {
    this.#port.postMessage(command, [...transfer]);
    this.#mailbox.announce();
    this.#doorbell.ring();
  }

  /** Counts its steps: as long as it changes, the thread is alive. */
  get heartbeat(): number {
    return this.#mailbox.heartbeat;
  }

  /** The domain whose vCPU it runs at this moment, or -1. */
  get running(): number {
    return this.#doorbell.running;
  }

  /** Ends the thread: after its slice when it still answers, else at once. */
  async destroy(patienceMs = 0): Promise<void> {
    this.#ending = true;
    if (patienceMs > 0) this.#doorbell.requestStop();
    this.#port.close();
    await this.#pool.destroy();
  }
}
