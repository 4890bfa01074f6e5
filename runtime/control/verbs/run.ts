import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { HypervisorError } from '#sdk';
import { loadInterpreter } from '#jit/interpreter';
import { BackendProviders } from '../../device/backend-providers.ts';
import type { DeviceSpecs } from '../../device/domain-devices.ts';
import { parseDiskSpecs, parseVifSpecs } from '../../device-spec/index.ts';
import type { MachineKind, PcpuRequest } from '../../pcpu/index.ts';
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
    const loaded = await loadPlugins(options.plugin, directory);
    const hooks = applyOnMain(loaded, isolation);
    if (options.stats !== undefined) await checkStatsFile(options.stats);
    const providers = new BackendProviders(loaded, { debug: () => undefined, info: say, warn: (message) => say(`warning: ${message}`) });
    const guest = await getGuest();
    const devices = deviceSpecs(options, guest, providers);
    const request = await requestOf(options, guest, directory);
    const session = new GuestSession(request, { ...options, devices, providers, booted: () => void hooks.booted.promise() });
    const { exitCode, run } = await session.run();
    if (options.stats !== undefined && run.stats !== undefined) await writeStatsFile(options.stats, run.stats);
    const code = isolation.anyFailed && exitCode === 0 ? 1 : exitCode;
    await hooks.shutdown.promise({ reason: reasonOf(run.kind), exitCode: code });
    return code;
  } catch (error) {
    reportError(error, debug);
    return exitCodeOf(error);
  }
}

/** The devices that the options describe; `none` stands for none. */
function deviceSpecs(options: MachineOptions, guest: Guest, providers: BackendProviders): DeviceSpecs {
  const isDevice = (text: string): boolean => text !== 'none';
  return {
    disks: parseDiskSpecs([...options.disk, ...(guest.disk ?? [])].filter(isDevice), { source: '--disk', backends: providers.names('vbd') }),
    vifs: parseVifSpecs([...options.vif, ...(guest.vif ?? [])].filter(isDevice), { source: '--vif', backends: providers.names('vif') }),
  };
}

/** What is usual for a guest, unless the operator chose. */
function machineOf({ machine, disk, vif }: MachineOptions, guest: Guest): MachineKind {
  const kind = guest.machine ?? machine ?? (disk.length + vif.length > 0 ? 'pvh' : 'pc');
  if (kind === 'pvh' || disk.length + vif.length === 0) return kind;
  throw new HypervisorError('HV_ERR_CLI_OPTION', `${disk.length > 0 ? '--disk' : '--vif'} is given, and the machine is a pc, which has no VBDs and vifs`, {
    hint: 'write --machine pvh, or leave the devices out',
  });
}

async function requestOf(options: MachineOptions, guest: Guest, directory: string): Promise<PcpuRequest> {
  const { module, index } = await loadInterpreter(() => say('building the interpreter, once for these sources'));
  const { disk: _disk, vif: _vif, machine: _machine, ...loaded } = guest;
  const engine = options.engine ?? (options.trace === undefined ? 'auto' : 'interpreter');
  return {
    plugins: options.plugin,
    directory,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    machine: {
      ...loaded,
      kind: machineOf(options, guest),
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
