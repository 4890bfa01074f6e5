import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import type { RegionRequest } from '../region/region.ts';
import { type PackedRequests, unpackRequests } from '../region/request-codec.ts';
import { translateBatch } from '../region/translate.ts';
import { STATE_PAGES } from '../state/vcpu-layout.ts';
import type { CompiledBatch } from './translator.ts';

/** Most regions in one module: enough to share its cost, few enough that the first is not kept waiting. */
const BATCH = 24;

/**
 * Serves translation requests that arrive on a port until it closes; `done` is called when a batch has left. Runs on a translator thread.
 *
 * @param known - regions of earlier runs, translated whenever nothing else is asked for
 */
export function serveTranslator(port: MessagePort, functions: InterpreterIndex['functions'], done: () => void, known?: PackedRequests): void {
  let queue: RegionRequest[] = [];
  const kept = known === undefined ? [] : unpackRequests(known);
  let unasked = kept.map((request, id) => ({ ...request, id }));
  const work = (): void => {
    for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port))
      queue.push(...unpackRequests(more.message as PackedRequests));
    const isKnown = queue.length === 0;
    const requests = isKnown ? unasked.slice(0, BATCH) : queue.slice(0, BATCH);
    if (isKnown) unasked = unasked.slice(BATCH);
    else queue = queue.slice(BATCH);
    if (requests.length > 0) {
      // what the last run did not use stands at the end
      const isHot = isKnown && kept[requests[0]?.id ?? 0]?.id === 0;
      const { wasm, ...rest } = translateBatch(requests, functions, isHot);
      const module = new WebAssembly.Module(wasm as BufferSource);
      compile(module, rest.ids.length, functions);
      const batch: CompiledBatch = { module, known: isKnown, ...rest };
      port.postMessage(batch);
      done();
    }
    if (queue.length > 0 || unasked.length > 0) setImmediate(work);
  };
  if (unasked.length > 0) setImmediate(work);
  port.on('message', (requests: PackedRequests) => {
    queue.push(...unpackRequests(requests));
    setImmediate(work);
  });
}

let dummy: { state: WebAssembly.Memory; ram: WebAssembly.Memory; table: WebAssembly.Table } | undefined;

/**
 * Has V8 compile every region here and not on the vCPU's thread: functions are compiled at their first call, and code
 * is shared between threads. With no budget in the (zeroed) machine state a region returns at once.
 */
function compile(module: WebAssembly.Module, regions: number, functions: InterpreterIndex['functions']): void {
  dummy ??= {
    state: new WebAssembly.Memory({ initial: STATE_PAGES, maximum: STATE_PAGES, shared: true }),
    ram: new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }),
    table: new WebAssembly.Table({ element: 'anyfunc', initial: 1 }),
  };
  const core = Object.fromEntries(Object.keys(functions).map((name) => [name, () => 0]));
  const { exports } = new WebAssembly.Instance(module, { host: { ...dummy, base: 0 }, core });
  for (let i = 0; i < regions; i++) (exports[`r${i}`] as (record: number) => void)(0);
}
