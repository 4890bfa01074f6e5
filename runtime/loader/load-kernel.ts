import { HypervisorError } from '#sdk';
import type { BootState, LoadRequest } from './boot-state.ts';
import { isBzImage, loadBzImage } from './bzimage.ts';
import { describeImage } from './describe-image.ts';
import { isElf, readElf } from './elf.ts';
import { loadElfPvh, pvhEntry } from './elf-pvh.ts';
import { isFirmware, loadFirmware } from './firmware.ts';
import { findMultibootHeader, loadMultiboot } from './multiboot.ts';

/**
 * Loads a guest's kernel and tells the state of its first vCPU; which loader is right shows in the kernel's content.
 *
 * A file with more than one entry is started by PVH before multiboot.
 *
 * @throws HypervisorError if the kernel is of no known kind, damaged or too large; guest memory is then unchanged
 */
export function loadKernel(request: LoadRequest): BootState {
  const { kernel } = request;
  if (isBzImage(kernel)) {
    const payload = request.unpack?.(kernel);
    return (payload === undefined ? undefined : loadPvh({ ...request, kernel: payload })) ?? loadBzImage(request);
  }
  const multiboot = findMultibootHeader(kernel);
  const boot = isElf(kernel) ? loadPvh(request) : undefined;
  if (boot !== undefined) return boot;
  if (multiboot !== undefined) return loadMultiboot(request, multiboot);
  if (isFirmware(kernel)) return loadFirmware(request);
  throw unrecognised(request);
}

/**
 * Loads the kernel of a PVH domain, which begins by PVH and no other way: it has no firmware, no serial ports, none of a PC's timers.
 *
 * @throws HypervisorError if the kernel has no such entry, is damaged or too large; guest memory is then unchanged
 */
export function loadPvhKernel(request: LoadRequest): BootState {
  const { kernel, kernelName } = request;
  const payload = isBzImage(kernel) ? request.unpack?.(kernel) : kernel;
  const boot = payload !== undefined && isElf(payload) ? loadPvh({ ...request, kernel: payload }) : undefined;
  if (boot !== undefined) return boot;
  const seen = kindWithoutPvh(kernel);
  if (seen === undefined) throw unrecognised(request);
  throw new HypervisorError(
    'HV_ERR_LOADER_UNSUPPORTED',
    `${kernelName} cannot begin in a PVH domain: it is ${seen}; expected was an entry by PVH (the note XEN_ELFNOTE_PHYS32_ENTRY)`,
    { hint: 'run it with --machine pc; Linux has that entry when built with CONFIG_PVH' },
  );
}

function kindWithoutPvh(kernel: Uint8Array): string | undefined {
  if (isBzImage(kernel)) return 'a Linux bzImage without that entry';
  if (findMultibootHeader(kernel) !== undefined) return 'a multiboot kernel without that entry';
  return isFirmware(kernel) ? 'a ROM image' : undefined;
}

/** Starts an ELF kernel by PVH, if it has that entry. */
function loadPvh(request: LoadRequest): BootState | undefined {
  const image = readElf(request.kernel, request.kernelName);
  const entry = pvhEntry(image);
  return entry === undefined ? undefined : loadElfPvh(request, image, entry);
}

function unrecognised({ kernel, kernelName }: LoadRequest): HypervisorError {
  const { seems, hint } = isElf(kernel)
    ? {
        seems: 'an ELF file without a PVH note or a multiboot header',
        hint: 'for Linux build with CONFIG_PVH, or name its bzImage',
      }
    : describeImage(kernel);
  return new HypervisorError(
    'HV_ERR_LOADER_UNRECOGNISED',
    `${kernelName} is no kernel that can be started: it seems to be ${seems}; expected was a Linux bzImage, ` +
      'an ELF kernel with PVH or multiboot, or a ROM image of 64 to 256 KiB',
    { hint },
  );
}
