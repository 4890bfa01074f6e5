import type { BigIntStats } from 'node:fs';
import { type BackendLog, HypervisorError } from '#sdk';
import { type LockFile, type LockMode, lockFile } from './lock-file.ts';

/** A VBD that wants to use an image. */
export interface ImageUse {
  readonly domid: number;
  readonly device: string;
  readonly readOnly: boolean;
  readonly force: boolean;
  readonly log: BackendLog;
}

/** A use of an image that was allowed. */
export interface AllowedUse {
  /** The image is not used any more. */
  release(): void;
}

/** Who uses which image, so that nobody writes what another uses, unless the operator says so. */
export class ImageUsers {
  readonly #users = new Map<string, Set<ImageUse>>();

  /**
   * Begins a use.
   *
   * @param path - the path without symbolic links
   * @throws HypervisorError `HV_ERR_VBD_BUSY`
   */
  add(path: string, { dev, ino }: BigIntStats, use: ImageUse): AllowedUse {
    const key = `${dev}:${ino}`;
    const users = this.#users.get(key) ?? new Set();
    const rival = [...users].find((other) => collide(other, use));
    if (rival !== undefined && !use.force) throw busy(path, use, `by domain ${rival.domid} (${rival.device}), ${describe(rival.readOnly)}`);
    const lock = this.#lock(path, use);
    this.#users.set(key, users.add(use));
    return {
      release: () => {
        users.delete(use);
        if (users.size === 0) this.#users.delete(key);
        lock?.release();
      },
    };
  }

  /** Keeps other processes away, as far as they ask. */
  #lock(path: string, use: ImageUse): LockFile | undefined {
    const mode: LockMode = use.readOnly ? 'r' : 'w';
    let lock: LockFile;
    try {
      lock = lockFile(path, mode);
    } catch (error) {
      const message = `no lock can be made beside ${path}, so that nothing keeps others from using it: ${(error as Error).message}`;
      if (use.readOnly) use.log.debug(message);
      else use.log.warn(message);
      return undefined;
    }
    const rival = lock.others.find(({ mode: other }) => mode === 'w' || other === 'w');
    if (rival !== undefined && !use.force) {
      lock.release();
      throw busy(path, use, `by process ${rival.pid} on ${rival.host}, ${describe(rival.mode === 'r')}`);
    }
    return lock;
  }
}

function collide(one: ImageUse, other: ImageUse): boolean {
  return !one.readOnly || !other.readOnly;
}

function describe(readOnly: boolean): string {
  return readOnly ? 'read-only' : 'to write';
}

function busy(path: string, { domid, device, readOnly }: ImageUse, by: string): HypervisorError {
  return new HypervisorError(
    'HV_ERR_VBD_BUSY',
    `the image ${path} is used ${by}, and so cannot be given to domain ${domid} (${device}) ${describe(readOnly)}`,
    {
      hint: 'end the other use, give both the mode r, or write the mode w! if the guests can share it',
    },
  );
}
