import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { PackedRequests } from '#jit';
import { loadInterpreter } from '#jit/interpreter';
import { CodeCacheFile } from '../../image/index.ts';
import type { PcpuRequest } from '../../pcpu/index.ts';
import { applyOnMain, loadPlugins, PluginIsolation } from '../../plugin/index.ts';
import { type Guest, guestOf } from '../guest.ts';
import { GuestSession } from '../guest-session.ts';
import { exitCodeOf, reportError, say } from '../report-error.ts';
import { addGuestOptions, addMachineOptions, type MachineOptions, type RunOptions } from '../run-options.ts';
import { checkStatsFile, writeStatsFile } from '../stats-file.ts';

const DEFAULT_MIB = 256;

/** Adds the verb `run`: one guest, in this process, and nothing else. */
export function addRunVerb(program: Command, finish: (exitCode: number) => void): void {
  const command = program.command('run').description('run one guest until it ends, with its console on the standard output');
  addMachineOptions(addGuestOptions(command)).action(async (options: RunOptions) => {
    finish(await runGuest(options, () => guestOf(options)));
  });
}

/** Runs a guest as the options say, and returns the exit code of the process. */
export async function runGuest(options: MachineOptions, getGuest: () => Promise<Guest>): Promise<number> {
  const { debug } = options;
  try {
    const directory = process.cwd();
    const isolation = new PluginIsolation((error) => reportError(error, debug));
    const hooks = applyOnMain(await loadPlugins(options.plugin, directory), isolation);
    if (options.stats !== undefined) await checkStatsFile(options.stats);
    const guest = await getGuest();
    const cache = cacheOf(options, guest);
    const request = await requestOf(options, guest, directory, cache);
    const session = new GuestSession(request, { ...options, booted: () => void hooks.booted.promise() });
    const { exitCode, run } = await session.run();
    if (options.stats !== undefined && run.stats !== undefined) await writeStatsFile(options.stats, run.stats);
    if (cache !== undefined && run.known !== undefined) await keep(cache, run.known);
    const code = isolation.anyFailed && exitCode === 0 ? 1 : exitCode;
    await hooks.shutdown.promise({ reason: reasonOf(run.kind), exitCode: code });
    return code;
  } catch (error) {
    reportError(error, debug);
    return exitCodeOf(error);
  }
}

/** Where what is translated is remembered; nowhere when it is not translated in the background. */
function cacheOf({ codeCache, engine, clock, trace }: MachineOptions, guest: Guest): CodeCacheFile | undefined {
  const background = (engine ?? 'auto') === 'auto' && clock === 'host' && trace === undefined;
  return codeCache && background ? new CodeCacheFile(guest.firmware ?? guest.kernel) : undefined;
}

/** A cache that cannot be written costs a line and the next run's speed, nothing else. */
async function keep(cache: CodeCacheFile, known: PackedRequests): Promise<void> {
  if (known.code.length === 0) return; // nothing became hot
  try {
    await cache.write(known);
  } catch (error) {
    say(`what was translated is not kept for the next run: ${(error as Error).message}; --no-code-cache says that this is fine`);
  }
}

async function requestOf(options: MachineOptions, guest: Guest, directory: string, cache: CodeCacheFile | undefined): Promise<PcpuRequest> {
  const [{ module, index }, known] = await Promise.all([loadInterpreter(() => say('building the interpreter, once for these sources')), cache?.read()]);
  const engine = options.engine ?? (options.trace === undefined ? 'auto' : 'interpreter');
  return {
    plugins: options.plugin,
    directory,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(known === undefined ? {} : { known }),
    machine: {
      ...guest,
      kind: options.machine,
      name: guest.kernelName,
      uuid: randomUUID(),
      module,
      index,
      engine,
      clock: options.clock,
      cpu: options.cpu,
      memoryBytes: (options.memory ?? DEFAULT_MIB) * 2 ** 20,
    },
  };
}

function reasonOf(kind: string): 'power-off' | 'stopped' | 'crashed' | 'failed' | 'exit' {
  if (kind === 'triple-fault' || kind === 'dead-halt' || kind === 'crashed') return 'crashed';
  return kind === 'power-off' || kind === 'stopped' || kind === 'exit' ? kind : 'failed';
}
