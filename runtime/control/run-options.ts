import { type Command, Option } from 'commander';
import type { CpuModel } from '../machine/cpu-models.ts';
import { cpuModels } from '../machine/cpu-models.ts';
import type { ClockSource, Engine, MachineKind } from '../pcpu/index.ts';
import { type PluginRequest, parsePluginRequest } from '../plugin/index.ts';
import { choiceOf, parseCpu, parseExpectation, parseMemory, parseTimeout, wholeNumber } from './option-values.ts';

/** How a guest is run, whichever guest it is. */
export interface MachineOptions {
  readonly memory?: number;
  readonly extra?: string;
  readonly engine?: Engine;
  readonly clock: ClockSource;
  readonly cpu: CpuModel;
  /** What is usual for the guest when left out. */
  readonly machine?: MachineKind;
  readonly disk: readonly string[];
  readonly vif: readonly string[];
  readonly vcpus?: number;
  readonly pcpus?: number;
  readonly scheduler?: string;
  readonly timeout?: number;
  readonly expect?: RegExp;
  readonly plugin: readonly PluginRequest[];
  readonly stats?: string;
  readonly trace?: string;
  readonly codeCache: boolean;
  readonly debug: boolean;
}

/** The options of `xm run`. */
export interface RunOptions extends MachineOptions {
  readonly kernel?: string;
  readonly ramdisk?: string;
  readonly firmware?: string;
}

/** Adds the options that say what is run. */
export function addGuestOptions(command: Command): Command {
  return command
    .addOption(new Option('--kernel <file>', 'bzImage, ELF with a PVH note, or multiboot ELF, told apart by content (default: Debian for amd64)'))
    .addOption(new Option('--ramdisk <file>', 'initramfs, or the first module of a multiboot kernel'))
    .addOption(new Option('--firmware <file>', 'ROM image of 64 to 256 KiB, entered at F000:FFF0, in place of a kernel'));
}

/** Adds the options that say how it is run. */
export function addMachineOptions(command: Command): Command {
  return command
    .addOption(new Option('--memory <mib>', "the guest's memory in MiB (default: 256)").argParser(parseMemory))
    .addOption(new Option('--extra <text>', "the kernel's command line; behind ours, when the guest has one"))
    .addOption(
      new Option('--engine <name>', 'auto, interpreter, or translator: translate every block when it is first run (default: auto)').argParser(
        choiceOf<Engine>('--engine', ['auto', 'interpreter', 'translator']),
      ),
    )
    .addOption(
      new Option('--clock <source>', "guest time from the host's clock, or from instructions, which makes runs repeatable")
        .argParser(choiceOf<ClockSource>('--clock', ['host', 'instructions']))
        .default('host'),
    )
    .addOption(
      new Option('--cpu <model>', `what CPUID tells: ${[...cpuModels.values()].map(({ name, summary }) => `${name} (${summary})`).join(', ')}`)
        .argParser(parseCpu)
        .default(cpuModels.get('max'), 'max'),
    )
    .addOption(
      new Option(
        '--machine <kind>',
        'what surrounds the vCPU: a pc with its devices, or pvh, a Xen domain with VBDs and vifs (default: pvh for Debian and with devices, else pc)',
      ).argParser(choiceOf<MachineKind>('--machine', ['pc', 'pvh'])),
    )
    .addOption(
      new Option('--disk <spec>', 'a VBD of a domain, such as file:disk.img,xvda,w or memory:64M,xvdb,w; may be repeated, and none means none')
        .argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text])
        .default([], 'none'),
    )
    .addOption(
      new Option('--vif <spec>', 'a vif of a domain, such as backend=user or bridge=xenbr0,mac=00:16:3e:01:02:03; may be repeated, and none means none')
        .argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text])
        .default([], 'none'),
    )
    .addOption(new Option('--vcpus <n>', 'number of vCPUs of a domain (default: 1)').argParser(wholeNumber('--vcpus', 1, 32)))
    .addOption(
      new Option('--pcpus <n>', 'number of pCPUs, each a thread that runs vCPUs (default: one per vCPU, as far as the host has processors)').argParser(
        wholeNumber('--pcpus', 1, 64),
      ),
    )
    .addOption(new Option('--scheduler <name>', 'what decides which vCPU runs where: sedf, bvt, credit, or one that a plugin brings (default: sedf)'))
    .addOption(new Option('--timeout <seconds>', 'end the run after this time with exit code 124').argParser(parseTimeout))
    .addOption(new Option('--expect <regex>', 'end the run with exit code 0 as soon as the console matches').argParser(parseExpectation))
    .addOption(
      new Option('--plugin <name,key=value...>', 'load a plugin: one of ours, a path, or a package; may be repeated')
        .argParser((text: string, before: readonly PluginRequest[] | undefined) => [...(before ?? []), parsePluginRequest(text)])
        .default([], 'none'),
    )
    .addOption(new Option('--stats <file>', 'write what the run cost, as JSON'))
    .addOption(new Option('--trace <file>', 'write a line per block with RIP and registers; slow, and interpreted unless --engine is given'))
    .addOption(new Option('--no-code-cache', 'neither use nor keep what earlier runs of this kernel found worth translating'))
    .addOption(new Option('--debug', 'show where errors come from').default(false, 'no'));
}
