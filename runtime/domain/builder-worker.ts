import { UnpackedKernels } from '../image/unpacked-kernels.ts';
import { type BootState, isBzImage, unpackLinuxPayload } from '../loader/index.ts';
import { toPlainError, type PlainError } from '../pcpu/plain-error.ts';
import { buildDomain, type DomainImage, type StoreChannel } from './build-domain.ts';
import type { DomainHandle } from './domain-state.ts';

/** A domain that is to be built in its memory. */
export interface BuildTask {
  readonly handle: DomainHandle;
  readonly image: DomainImage;
}

/** Where a built domain begins, and meets its backends. */
export interface BuildResult {
  readonly boot: BootState;
  readonly store: StoreChannel;
  readonly consolePort: number;
}

/** Builds a domain on a thread of its own: unpacking a kernel takes up to seconds, once. */
export async function buildOnThread({ handle, image }: BuildTask): Promise<BuildResult | { readonly error: PlainError }> {
  try {
    const nobody = { find: () => undefined, signal: () => undefined, closed: () => undefined };
    const unpacked = isBzImage(image.kernel) ? await new UnpackedKernels().unpack(image.kernel, unpackLinuxPayload) : undefined;
    const { boot, store, console } = buildDomain(handle, image, { kick: () => undefined, peers: nobody }, () => unpacked);
    return { boot, store, consolePort: console.port };
  } catch (error) {
    return { error: toPlainError(error) };
  }
}
