import type { PcpuMessage, PcpuTask, RunEnd } from './slice-protocol.ts';
import { PluginIsolation, applyOnPcpu, loadPlugins } from '../plugin/index.ts';
import { GuestRun } from './guest-run.ts';
import { toPlainError } from './plain-error.ts';
import type { TranslateNow, TranslationMode } from '../machine/translation.ts';

/**
 * The task of a pCPU's thread: builds the machine and runs it to its end. While it runs, the thread's event loop does
 * not turn; all that goes in and out is shared memory, and messages that are posted.
 */
export async function runPcpu(task: PcpuTask): Promise<RunEnd> {
  const post = (message: PcpuMessage): void => task.port.postMessage(message);
  const isolation = new PluginIsolation((error) => post({ kind: 'plugin-failed', error: toPlainError(error) }));
  let run: GuestRun | undefined;
  try {
    const hooks = applyOnPcpu(await loadPlugins(task.plugins, task.directory), isolation);
    run = new GuestRun(task, hooks, post, await translationModeOf(task));
    const end = run.toItsEnd();
    run.close();
    return { ...end, pluginFailed: isolation.anyFailed };
  } catch (error) {
    return { kind: 'failed', error: toPlainError(error), pluginFailed: isolation.anyFailed, ...run?.abandon() };
  }
}

/** How the engine of a task translates; null = not at all. Only the synchronous ways load Binaryen on this thread. */
async function translationModeOf({ machine, translator }: PcpuTask): Promise<TranslationMode | null> {
  const { engine, clock, index } = machine;
  if (engine === 'interpreter') return null;
  if (engine === 'auto' && clock === 'host') return translator === undefined ? null : { kind: 'background', port: translator };
  const { translateBatch } = await import('#jit/translate');
  const translate: TranslateNow = (requests) => {
    const { wasm, ...batch } = translateBatch(requests, index.functions);
    return { ...batch, module: new WebAssembly.Module(wasm as BufferSource) };
  };
  return { kind: engine === 'translator' ? 'always' : 'in-step', translate };
}
