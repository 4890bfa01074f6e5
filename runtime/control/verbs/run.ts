import { availableParallelism } from 'node:os';
import { Argument, type Command } from 'commander';
import { HypervisorError, type DomainConfig } from '#sdk';
import type { PackedRequests } from '#jit';
import { loadInterpreter } from '#jit/interpreter';
import { checkOptions } from '../../hypervisor/check-options.ts';
import { readGuestFile } from '../../hypervisor/read-guest-file.ts';
import { CodeCacheFile } from '../../image/index.ts';
import { MAX_VCPUS } from '../../memory/domain-tables.ts';
import { type MachineKind, Pcpu, type PcpuListener } from '../../pcpu/index.ts';
import { loadPlugins, MainPlugins, PluginIsolation } from '../../plugin/index.ts';
import { type ConfiguredDomain, configuredDomain } from '../configured-domain.ts';
import { DomainRunner, type DomainRunRequest } from '../domain-runner.ts';
import { type Guest, guestOf } from '../guest.ts';
import type { GuestRunner } from '../guest-runner.ts';
import { GuestSession } from '../guest-session.ts';
import { exitCodeOf, reportError, say } from '../report-error.ts';
import { addGuestOptions, addMachineOptions, type MachineOptions, type RunOptions } from '../run-options.ts';
import { checkStatsFile, writeStatsFile } from '../stats-file.ts';

const DEFAULT_MIB = 256;
/** The name of the only domain of a run. */
const DOMAIN = 'guest';

/** Adds the verb `run`: one guest, in this process, and nothing else. */
export function addRunVerb(program: Command, finish: (exitCode: number) => void): void {
  const command = program.command('run').description('run one guest until it ends, with its console on the standard output');
  const file = new Argument('[file]', 'configuration of a domain as JSON, in the place of the options that say what is run');
  addMachineOptions(addGuestOptions(command.addArgument(file))).action(async (path: string | undefined, options: RunOptions) => {
    finish(await runGuest(options, path === undefined ? () => guestOf(options) : () => configuredDomain(path, options)));
  });
}

/** Runs a guest as the options say, and returns the exit code of the process. */
export async function runGuest(options: MachineOptions, getGuest: () => Promise<Guest | ConfiguredDomain>): Promise<number> {
  const { debug } = options;
  try {
    const directory = process.cwd();
    const isolation = new PluginIsolation((error) => reportError(error, debug));
    const plugins = new MainPlugins(await loadPlugins(options.plugin, directory), isolation);
    if (options.stats !== undefined) await checkStatsFile(options.stats);
    const guest = await getGuest();
    const cache = await cacheOf(options, guest);
    const start = await starterOf(options, guest, plugins, await cache?.read());
    const session = new GuestSession(start, { ...options, booted: () => void plugins.booted() });
    const { exitCode, run } = await session.run();
    if (options.stats !== undefined && run.stats !== undefined) await writeStatsFile(options.stats, run.stats);
    if (cache !== undefined && run.known !== undefined) await keep(cache, run.known);
    const code = isolation.anyFailed && exitCode === 0 ? 1 : exitCode;
    await plugins.shutdown({ reason: reasonOf(run.kind), exitCode: code });
    return code;
  } catch (error) {
    reportError(error, debug);
    return exitCodeOf(error);
  }
}

/** Where what is translated is remembered; nowhere when it is not translated in the background. */
async function cacheOf(options: MachineOptions, guest: Guest | ConfiguredDomain): Promise<CodeCacheFile | undefined> {
  const { codeCache, engine, clock, trace } = options;
  const background = (engine ?? 'auto') === 'auto' && clock === 'host' && trace === undefined;
  if (!codeCache || !background) return undefined;
  const kernel = 'config' in guest ? await kernelOf(guest) : (guest.firmware ?? guest.kernel);
  return kernel === undefined ? undefined : new CodeCacheFile(kernel);
}

/** The kernel of a configured domain; whether it can be read is for the hypervisor to say. */
async function kernelOf({ config: { kernel } }: ConfiguredDomain): Promise<Uint8Array | undefined> {
  return typeof kernel === 'string' ? readGuestFile(kernel, 'kernel').catch(() => undefined) : undefined;
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

/** What starts a guest on the machine that the options ask for. */
async function starterOf(
  options: MachineOptions,
  guest: Guest | ConfiguredDomain,
  plugins: MainPlugins,
  known: PackedRequests | undefined,
): Promise<(listener: PcpuListener) => GuestRunner> {
  const engine = options.engine ?? (options.trace === undefined ? 'auto' : 'interpreter');
  if ('config' in guest || machineOf(options, guest) === 'pvh') {
    const { clock, trace, scheduler = 'sedf' } = options;
    const pcpus = options.pcpus ?? usualPcpus('config' in guest ? guest.config?.vcpus : options.vcpus);
    const checked = {
      ...checkOptions({ pcpus, scheduler, engine, clock, log: say }),
      plugins: options.plugin,
      trace,
      outputWaits: true,
      regions: known && { known },
    };
    const request = { options: checked, plugins, ...('config' in guest ? guest : domainOf(options, guest)) };
    return (listener) => new DomainRunner(request, listener);
  }
  const { module, index } = await loadInterpreter(() => say('building the interpreter, once for these sources'));
  const { kernel, kernelName, ramdisk, firmware, commandLine } = guest;
  const request = {
    plugins: options.plugin,
    directory: process.cwd(),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(known === undefined ? {} : { known }),
    machine: {
      kernel,
      kernelName,
      commandLine,
      ...(ramdisk === undefined ? {} : { ramdisk }),
      ...(firmware === undefined ? {} : { firmware }),
      module,
      index,
      engine,
      clock: options.clock,
      cpu: options.cpu,
      memoryBytes: (options.memory ?? DEFAULT_MIB) * 2 ** 20,
    },
  };
  return (listener) => new Pcpu(request, listener);
}

/** A pCPU for each vCPU, as far as the host has processors. What is no number of vCPUs is refused when the domain is created. */
function usualPcpus(vcpus: unknown): number {
  return typeof vcpus === 'number' && vcpus >= 1 && vcpus <= MAX_VCPUS ? Math.min(Math.floor(vcpus), availableParallelism()) : 1;
}

/** The domain that the options describe. */
function domainOf(options: MachineOptions, guest: Guest): Pick<DomainRunRequest, 'config' | 'source' | 'spareDisk'> {
  const isDevice = (text: string): boolean => text !== 'none';
  const config: DomainConfig = {
    name: DOMAIN,
    kernel: guest.kernel,
    ...(guest.ramdisk === undefined ? {} : { ramdisk: guest.ramdisk }),
    extra: guest.commandLine,
    memory: options.memory ?? DEFAULT_MIB,
    vcpus: options.vcpus ?? 1,
    disk: [...options.disk, ...(guest.disk ?? [])].filter(isDevice),
    vif: [...options.vif, ...(guest.vif ?? [])].filter(isDevice),
    cpu: options.cpu.name,
  };
  return { config, source: 'options', ...(guest.spareDisk === undefined ? {} : { spareDisk: guest.spareDisk }) };
}

/** What is usual for a guest, unless the operator chose. */
function machineOf(options: MachineOptions, guest: Guest): MachineKind {
  const { machine, disk, vif, vcpus, pcpus, scheduler } = options;
  const given = {
    '--disk': disk.length > 0,
    '--vif': vif.length > 0,
    '--vcpus': vcpus !== undefined,
    '--pcpus': pcpus !== undefined,
    '--scheduler': scheduler !== undefined,
  };
  const [domainOption] = Object.entries(given).flatMap(([name, isGiven]) => (isGiven ? [name] : []));
  const kind = guest.machine ?? machine ?? (domainOption === undefined ? 'pc' : 'pvh');
  if (kind === 'pvh' || domainOption === undefined) return kind;
  throw new HypervisorError('HV_ERR_CLI_OPTION', `${domainOption} is given, and the machine is a pc, which is no domain of Xen's`, {
    hint: `write --machine pvh, or leave ${domainOption} out`,
  });
}

function reasonOf(kind: string): 'power-off' | 'stopped' | 'crashed' | 'failed' | 'exit' {
  if (kind === 'triple-fault' || kind === 'dead-halt' || kind === 'crashed') return 'crashed';
  return kind === 'power-off' || kind === 'stopped' || kind === 'exit' ? kind : 'failed';
}
