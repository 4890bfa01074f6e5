import { loadPlugins, PcpuPlugins, PluginIsolation } from '../plugin/index.ts';
import type { PcpuReport, PcpuStart } from './pcpu-protocol.ts';
import { PcpuThread } from './pcpu-thread.ts';
import { toPlainError } from './plain-error.ts';
import { loadTranslate } from './translation-modes.ts';

export { runPcpu } from './slice-worker.ts';

/** What a pCPU's thread is started with, and whether any domain may want its code translated on that thread. */
export interface PcpuThreadTask {
  readonly start: PcpuStart;
  readonly translatesHere: boolean;
}

/** The task of a pCPU's thread: takes orders until it is stopped. While it runs, its event loop does not turn. */
export async function servePcpu({ start, translatesHere }: PcpuThreadTask): Promise<void> {
  const isolation = new PluginIsolation((error) => {
    const report: PcpuReport = { kind: 'plugin-failed', error: toPlainError(error) };
    start.port.postMessage(report);
  });
  const plugins = new PcpuPlugins(await loadPlugins(start.plugins, start.directory, true), isolation);
  const translate = translatesHere ? await loadTranslate(start.index.functions) : undefined;
  new PcpuThread(start, plugins, translate).run();
}
