import { Piscina } from 'piscina';
import { extname } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { PackedRequests } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import type { BuildResult, BuildTask } from '../domain/builder-worker.ts';
import type { PcpuThreadTask } from './pcpu-worker.ts';
import type { PlainError } from './plain-error.ts';
import type { PcpuTask, RunEnd } from './slice-protocol.ts';

const ENDING = extname(import.meta.filename);
/** What all threads of pCPUs load. */
const PCPU_FILE = './pcpu-worker';

interface PoolShape {
  /** The worker's file, without its ending, and the function to call there. */
  readonly file: string;
  readonly name: string;
  readonly threads: number;
  /** Tasks that one thread has at once. */
  readonly together?: number;
}

/** A thread that was started before it was known what for. */
let waiting: Piscina | undefined;

/**
 * Starts the thread of a first pCPU, which loads what it needs while the caller loads what the main thread needs. Whoever
 * asks for a pCPU next gets it.
 */
export function beginFirstPcpu(): void {
  waiting ??= startThreads({ file: PCPU_FILE, threads: 1 });
}

/** The thread that waits, if it is of the kind that is asked for. */
function takeWaiting({ file, threads }: PoolShape): Piscina | undefined {
  if (file !== PCPU_FILE || threads !== 1) return undefined;
  const pool = waiting;
  waiting = undefined;
  return pool;
}

function startThreads({ file, threads, together = 1 }: Omit<PoolShape, 'name'>): Piscina {
  return new Piscina({
    filename: new URL(`${file}${ENDING}`, import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: together,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: 'disabled',
  });
}

/**
 * Threads for long tasks. Piscina's own signalling through shared memory is off: its wait would compete with that of
 * whoever runs for the thread's whole life.
 */
class ThreadPool<Task, Result> {
  readonly #pool: Piscina<Task, Result>;
  readonly #name: string;

  constructor(shape: PoolShape) {
    this.#name = shape.name;
    this.#pool = takeWaiting(shape) ?? startThreads(shape);
  }

  /** Runs a task on a free thread, to its end. */
  run(task: Task, transfer: readonly (ArrayBuffer | MessagePort)[] = []): Promise<Result> {
    return this.#pool.run(task, { name: this.#name, transferList: [...transfer] });
  }

  /** Ends the threads, whatever they do. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** The thread of a pCPU that runs one PC to its end. */
export class PcpuPool extends ThreadPool<PcpuTask, RunEnd> {
  /** @param pcpus - how many pCPUs there are */
  constructor(pcpus: number) {
    super({ file: PCPU_FILE, name: 'runPcpu', threads: pcpus });
  }
}

/** The thread of a pCPU that takes orders. */
export class OrderedPcpuPool extends ThreadPool<PcpuThreadTask, void> {
  constructor() {
    super({ file: PCPU_FILE, name: 'servePcpu', threads: 1 });
  }
}

/** The thread on which domains are built. */
export class BuilderPool extends ThreadPool<BuildTask, BuildResult | { readonly error: PlainError }> {
  constructor() {
    super({ file: '../domain/builder-worker', name: 'buildOnThread', threads: 1 });
  }
}

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

/** More ports than there will ever be domains. */
const PORTS_PER_TRANSLATOR = 65_536;

/** The threads of the translators. Each serves any number of ports, until they close. */
export class TranslatorPool extends ThreadPool<TranslatorTask, void> {
  /** @param translators - how many threads translate */
  constructor(translators: number) {
    super({ file: './translator-worker', name: 'runTranslator', threads: translators, together: PORTS_PER_TRANSLATOR });
  }
}
