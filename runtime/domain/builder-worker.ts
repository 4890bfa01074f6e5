import { UnpackedKernels } from '../image/unpacked-kernels.ts';
import { type BootState, isBzImage, unpackLinuxPayload } from '../loader/index.ts';
import { garbageCollector } from '../pcpu/collect-garbage.ts';
import { toPlainError, type PlainError } from '../pcpu/plain-error.ts';
import { buildDomain, type DomainImage, type StoreChannel } from './build-domain.ts';
import type { DomainView } from './domain-state.ts';

/** A domain that is to be built in its memory. */
export interface BuildTask {
  readonly handle: DomainView;
  readonly image: DomainImage;
}

/** Where a built domain begins, and meets its backends. */
export interface BuildResult {
  readonly boot: BootState;
  readonly store: StoreChannel;
  readonly consolePort: number;
}

/** Memory that this thread has seen and does not need is looked for when so much may hang on it, or after a pause. */
const MOST_BYTES = 2 ** 30;
const PAUSE_MS = 500;
let collect: (() => void) | undefined;
let timer: NodeJS.Timeout | undefined;
let seenBytes = 0;

/** V8 does not weigh what other threads have allocated: without this the memory of domains that are gone would stay. */
function collectLater(bytes: number): void {
  collect ??= garbageCollector();
  seenBytes += bytes;
  clearTimeout(timer);
  const look = (): void => {
    seenBytes = 0;
    collect?.();
  };
  timer = setTimeout(look, seenBytes >= MOST_BYTES ? 0 : PAUSE_MS).unref();
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
  } finally {
    collectLater(handle.ramBytes);
  }
}
