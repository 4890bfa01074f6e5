import { HypervisorError } from '#sdk';

/** Memory for a guest, shared between threads; whole 64 KiB. */
export function allocateRam(bytes: number): WebAssembly.Memory {
  const pages = bytes / 65536;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new HypervisorError('HV_ERR_MEMORY_ALLOCATION', `the host could not give ${bytes / 2 ** 20} MiB for the guest's memory`, {
      hint: 'ask for less with --memory, or end other programs',
      cause,
    });
  }
}
