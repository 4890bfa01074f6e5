import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import type { RegionRequest } from '../../jit/region/region.ts';
import { translateBatch } from '../../jit/region/translate.ts';
import { type CompiledBatch, Translator } from '../../jit/tier/translator.ts';
import type { VcpuCore } from '../../jit/vcpu/vcpu-core.ts';

/** Most compiled modules kept for requests that come again. */
const MOST_KEPT = 2000;

/** What makes two requests the same code. */
const keyOf = (request: RegionRequest): string =>
  JSON.stringify([
    request.mode,
    request.entryInPage,
    request.external,
    request.entries,
    request.indirect,
    request.indirectShift,
    request.blocks.map((b) => [b.offset, b.instructions, b.ending, b.target, b.targets, b.end, b.page, Buffer.from(b.bytes).toString('latin1')]),
  ]);

/** A translator that answers on the vCPU's thread before anything else runs: tests need no waiting and no luck. */
export class SynchronousTranslator {
  readonly translator: Translator;
  /** Time spent on translation. */
  milliseconds = 0;
  private readonly functions: InterpreterIndex['functions'];
  private readonly kept = new Map<string, CompiledBatch>();
  private ready: CompiledBatch[] = [];
  private installing = false;

  /**
   * Takes over a vCPU.
   * @param hotLimit 0 translates every block before its first execution; else blocks that have run so often become
   * regions at the next `between`
   */
  constructor(core: VcpuCore, index: InterpreterIndex, hotLimit: number) {
    this.functions = index.functions;
    this.translator = new Translator(core, index, hotLimit, (requests) => this.answer(requests));
    if (hotLimit === 0) core.onFound = (block) => this.translator.translateNow(block);
  }

  private answer(requests: readonly RegionRequest[]): void {
    if (requests.length === 1) this.ready.push(this.compiled(requests[0] as RegionRequest));
    else this.ready.push(this.compile(requests));
    if (!this.installing) this.install();
  }

  private compile(requests: readonly RegionRequest[]): CompiledBatch {
    const start = performance.now();
    const { wasm, ...rest } = translateBatch(requests, this.functions);
    this.milliseconds += performance.now() - start;
    return { module: new WebAssembly.Module(wasm as BufferSource), ...rest };
  }

  /** One region; the same code comes again and again with other data. */
  private compiled(request: RegionRequest): CompiledBatch {
    const key = keyOf(request);
    let batch = this.kept.get(key);
    if (batch === undefined) {
      batch = this.compile([request]);
      if (this.kept.size >= MOST_KEPT) this.kept.clear();
      this.kept.set(key, batch);
    }
    return { ...batch, ids: batch.ids.map(() => request.id), failed: batch.failed.map(({ reason }) => ({ id: request.id, reason })) };
  }

  private install(): void {
    this.installing = true;
    for (let batch = this.ready.shift(); batch !== undefined; batch = this.ready.shift()) this.translator.install(batch);
    this.installing = false;
    const [failure] = this.translator.failures;
    if (failure !== undefined) throw new Error(`the translator refused a region: ${failure}`);
  }

  /** Between two slices: translates what has become hot. */
  between(): void {
    if (this.translator.collect() > 0) this.translator.flush();
  }
}
