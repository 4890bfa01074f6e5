import { extname } from 'node:path';
import { Piscina } from 'piscina';
import type { MessagePort } from 'node:worker_threads';
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
