import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import type { RegionRequest } from '../region/region.ts';
import { translateBatch } from '../region/translate.ts';
import type { CompiledBatch } from './translator.ts';

/** Most regions in one module: enough to share its cost, few enough that the first is not kept waiting. */
const BATCH = 24;

/** Serves translation requests that arrive on a port until it closes. Runs on a translator thread. */
export function serveTranslator(port: MessagePort, functions: InterpreterIndex['functions'], doorbell?: Int32Array): void {
  let queue: RegionRequest[] = [];
  const work = (): void => {
    for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) queue.push(...(more.message as RegionRequest[]));
    const requests = queue.slice(0, BATCH);
    queue = queue.slice(BATCH);
    if (requests.length > 0) {
      const { wasm, ids, tableIndexes, failed } = translateBatch(requests, functions);
      const batch: CompiledBatch = { module: new WebAssembly.Module(wasm as BufferSource), ids, tableIndexes, failed };
      port.postMessage(batch);
      if (doorbell !== undefined) {
        Atomics.add(doorbell, 0, 1);
        Atomics.notify(doorbell, 0);
      }
    }
    if (queue.length > 0) setImmediate(work);
  };
  port.on('message', (requests: RegionRequest[]) => {
    queue.push(...requests);
    setImmediate(work);
  });
}
