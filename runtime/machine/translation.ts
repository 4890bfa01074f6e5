import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { InterpreterIndex } from '#jit/interpreter';
import { type CodeCache, type CompiledBatch, packRequests, type RegionRequest, Translator, type TranslatorStats, type VcpuCore } from '#jit';

/** Executions of a block after which it is worth translating. */
const HOT_LIMIT = 6_000;
/** Hot blocks are sent off when so many wait, or some have waited for so many slices. */
const ENOUGH = 12;
const PATIENCE = 4;

/** Translates and compiles at once, on the calling thread. */
export type TranslateNow = (requests: readonly RegionRequest[]) => CompiledBatch;

/** How a vCPU's code gets translated. */
export type TranslationMode =
  /** On another thread, while the guest goes on in the interpreter. */
  | { readonly kind: 'background'; readonly port: MessagePort }
  /** On this thread, at the end of the slice in which a block became hot: the same in every run. */
  | { readonly kind: 'in-step'; readonly translate: TranslateNow }
  /** On this thread, every block before its first execution. */
  | { readonly kind: 'always'; readonly translate: TranslateNow };

/** The translated tier of one vCPU, driven between slices. */
export class Translation {
  readonly #translator: Translator;
  readonly #mode: TranslationMode;
  #waited = 0;

  constructor(core: VcpuCore, index: InterpreterIndex, mode: TranslationMode, cache: CodeCache | null = null) {
    this.#mode = mode;
    this.#translator = new Translator(
      core,
      index,
      mode.kind === 'always' ? 0 : HOT_LIMIT,
      (requests) => {
        if (mode.kind === 'background') this.#post(mode.port, requests);
        else this.#translator.install(mode.translate(requests));
      },
      cache,
    );
    if (mode.kind === 'always') core.onFound = (block) => this.#translator.translateNow(block);
  }

  /** Installs what has come back and sends off what has become hot. */
  betweenSlices(): void {
    const mode = this.#mode;
    if (mode.kind === 'background') {
      for (let next = receiveMessageOnPort(mode.port); next !== undefined; next = receiveMessageOnPort(mode.port)) this.#translator.install(next.message);
    }
    const pending = this.#translator.collect();
    if (pending === 0) return;
    this.#waited++;
    if (mode.kind === 'in-step' || pending >= ENOUGH || this.#waited >= PATIENCE) {
      this.#waited = 0;
      this.#translator.flush();
    }
  }

  #post(port: MessagePort, requests: readonly RegionRequest[]): void {
    const packed = packRequests(requests);
    port.postMessage(packed, [packed.words.buffer, packed.code.buffer] as ArrayBuffer[]);
  }

  /** Figures of the translator. */
  get stats(): TranslatorStats {
    return this.#translator.stats;
  }
}
