import type { PcpuMessage, PcpuTask, RunEnd } from './slice-protocol.ts';
import { PluginIsolation, applyOnPcpu, loadPlugins } from '../plugin/index.ts';
import { GuestRun } from './guest-run.ts';
import { toPlainError } from './plain-error.ts';
import { loadTranslate, translatesHere, translationMode } from './translation-modes.ts';

/**
 * The task of a pCPU's thread: builds the machine and runs it to its end. While it runs, the thread's event loop does
 * not turn; all that goes in and out is shared memory, and messages that are posted.
 */
export async function runPcpu(task: PcpuTask): Promise<RunEnd> {
  const post = (message: PcpuMessage): void => task.port.postMessage(message);
  const isolation = new PluginIsolation((error) => post({ kind: 'plugin-failed', error: toPlainError(error) }));
  let run: GuestRun | undefined;
  try {
    const hooks = applyOnPcpu(await loadPlugins(task.plugins, task.directory, true), isolation);
    const { machine, translator } = task;
    const wish = { engine: machine.engine, clock: machine.clock, ...(translator === undefined ? {} : { translator }) };
    const translate = translatesHere(wish) ? await loadTranslate(machine.index.functions) : undefined;
    run = new GuestRun(task, hooks, post, translationMode(wish, translate));
    const end = run.toItsEnd();
    run.close();
    return { ...end, pluginFailed: isolation.anyFailed };
  } catch (error) {
    return { kind: 'failed', error: toPlainError(error), pluginFailed: isolation.anyFailed, ...run?.abandon() };
  }
}
