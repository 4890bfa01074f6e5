import { extname } from 'node:path';
import { Piscina } from 'piscina';
import type { MessagePort } from 'node:worker_threads';
import type { PackedRequests } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import type { PcpuTask, RunEnd } from './slice-protocol.ts';

const WORKER = new URL(`./slice-worker${extname(import.meta.filename)}`, import.meta.url);

/**
 * The threads of the pCPUs. Each runs one task for its whole life, so Piscina's own signalling through shared memory
 * is off: its wait would compete with the pCPU's.
 */
export class PcpuPool {
  readonly #pool: Piscina<PcpuTask, RunEnd>;

  /** @param pcpus - how many pCPUs there are */
  constructor(pcpus: number) {
    this.#pool = new Piscina<PcpuTask, RunEnd>({
      filename: WORKER.href,
      minThreads: pcpus,
      maxThreads: pcpus,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
    });
  }

  /** Runs a task on a free pCPU, to its end. */
  run(task: PcpuTask, transfer: readonly (ArrayBuffer | MessagePort)[]): Promise<RunEnd> {
    return this.#pool.run(task, { name: 'runPcpu', transferList: [...transfer] });
  }

  /** Ends the threads, whatever they do. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}

const TRANSLATOR = new URL(`./translator-worker${extname(import.meta.filename)}`, import.meta.url);

/** What is sent to a translator's thread, once. */
export interface TranslatorTask {
  /** Requests arrive here and translated batches leave. */
  readonly port: MessagePort;
  readonly functions: InterpreterIndex['functions'];
  /** Memory of the {@link Doorbell} to ring when a batch is done. */
  readonly doorbell: SharedArrayBuffer;
  /** Regions of earlier runs of the guest. */
  readonly known?: PackedRequests;
}

/** The threads of the translators. */
export class TranslatorPool {
  readonly #pool: Piscina<TranslatorTask, void>;

  /** @param translators - how many threads translate */
  constructor(translators: number) {
    this.#pool = new Piscina<TranslatorTask, void>({
      filename: TRANSLATOR.href,
      minThreads: translators,
      maxThreads: translators,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
    });
  }

  /** Serves a port until it closes. */
  run(task: TranslatorTask): Promise<void> {
    return this.#pool.run(task, { name: 'runTranslator', transferList: [task.port] });
  }

  /** Ends the threads, whatever they do. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
