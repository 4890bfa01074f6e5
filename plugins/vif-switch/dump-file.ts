import { type FileHandle, open } from 'node:fs/promises';
import { type BackendLog, HypervisorError, type NetFrame } from '#sdk';
import { PcapNgWriter } from './pcap-ng.ts';
import type { SwitchPort, SwitchTap } from './switch.ts';

/** Bytes that may wait for the disk; frames beyond that are counted, and not kept. */
const MOST_PENDING_BYTES = 8 << 20;

interface DumpInterface {
  readonly id: number;
  received: number;
  dropped: number;
}

/** How a dump is made. */
export interface DumpSettings {
  readonly path: string;
  /** Most bytes of a frame that are kept. */
  readonly snapBytes: number;
  readonly log: BackendLog;
  /** Microseconds since 1970. */
  readonly nowUs: () => number;
}

/** Writes what goes through switches into a file, without making them wait for the disk. */
export class DumpFile implements SwitchTap {
  readonly #settings: DumpSettings;
  readonly #file: FileHandle;
  readonly #writer: PcapNgWriter;
  readonly #interfaces = new Map<SwitchPort, DumpInterface>();
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #isBroken = false;

  /**
   * Makes the file, or empties one that exists.
   * @throws HypervisorError `HV_ERR_FILE_WRITE` when that cannot be done
   */
  static async create(settings: DumpSettings): Promise<DumpFile> {
    try {
      return new DumpFile(settings, await open(settings.path, 'w'));
    } catch (cause) {
      const code = (cause as { code?: string }).code ?? String(cause);
      throw new HypervisorError('HV_ERR_FILE_WRITE', `the dump ${settings.path} cannot be written: ${code}`, {
        cause,
        hint: 'name a file in a directory that exists and may be written',
      });
    }
  }

  private constructor(settings: DumpSettings, file: FileHandle) {
    this.#settings = settings;
    this.#file = file;
    this.#writer = new PcapNgWriter((block) => this.#queue(block), settings.snapBytes);
  }

  frame(port: SwitchPort, frame: NetFrame, outbound: boolean): void {
    if (this.#isBroken) return;
    const own = this.#interfaces.get(port) ?? this.#addInterface(port);
    own.received += 1;
    if (this.#pendingBytes > MOST_PENDING_BYTES) own.dropped += 1;
    else this.#writer.writeFrame({ interfaceId: own.id, atUs: this.#settings.nowUs(), bytes: frame.bytes, length: frame.length, outbound });
  }

  /** Writes how much each interface had and what is still to be written, and closes the file. */
  async close(): Promise<void> {
    const atUs = this.#settings.nowUs();
    for (const { id, received, dropped } of this.#interfaces.values()) this.#writer.writeStatistics(id, atUs, { received, dropped });
    while (this.#writing !== undefined) await this.#writing;
    await this.#file.close();
  }

  #addInterface(port: SwitchPort): DumpInterface {
    const own = { id: this.#writer.addInterface(port.name), received: 0, dropped: 0 };
    this.#interfaces.set(port, own);
    return own;
  }

  #queue(block: Uint8Array): void {
    if (this.#isBroken) return;
    this.#pending.push(block);
    this.#pendingBytes += block.length;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    // Blocks of one turn go into one write.
    await Promise.resolve();
    try {
      while (this.#pending.length > 0) {
        const bytes = Buffer.concat(this.#pending.splice(0));
        for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at)).bytesWritten;
        this.#pendingBytes -= bytes.length;
      }
    } catch (error) {
      this.#isBroken = true;
      this.#pending = [];
      this.#settings.log.warn(`the dump ${this.#settings.path} ends here: ${String(error)}`);
    }
  }
}
