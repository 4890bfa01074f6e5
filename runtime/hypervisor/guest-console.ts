import { Duplex } from 'node:stream';
import type { ConsoleRing } from '../domain/console-ring.ts';
import type { ByteRing } from '../pcpu/byte-ring.ts';

/** What a console keeps for whoever reads it later; the latest counts. */
const BACKLOG_BYTES = 1 << 18;
const PIECE = 1 << 16;
/** Pieces taken at once: a guest may write as fast as it is read, and others want their turn. */
const ROUNDS = 64;

/** A ring in which a vCPU leaves output. */
export interface SideRing {
  readonly ring: ByteRing;
  /** Bytes were taken from it. */
  taken(): void;
}

/** The rings of a domain's console in its present life. */
export interface ConsoleRings {
  /** The page that the guest shares. */
  readonly page: ConsoleRing;
  /** What comes another way: `console_io`, and devices of plugins; from each vCPU. */
  readonly sides: readonly SideRing[];
}

/**
 * The console of a domain as a stream: what the guest writes can be read, what is written the guest reads. It goes on
 * when the domain begins anew. A reader who is slow makes the guest wait; as long as nobody reads, the latest output is kept.
 */
export class GuestConsole extends Duplex {
  #rings: ConsoleRings | undefined;
  #wasRead = false;
  #wanted = false;
  #finished = false;
  #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  #input: { bytes: Uint8Array; done: () => void } | undefined;

  constructor() {
    super({ allowHalfOpen: true, decodeStrings: true });
  }

  /** The domain begins: with these rings from now on. */
  connect(rings: ConsoleRings): void {
    this.#rings = rings;
    this.pump();
  }

  /** The domain is gone; what it wrote last is taken. */
  disconnect(): void {
    this.pump();
    // What the reader has no room for now must not be lost with the memory that it is in.
    for (let bytes = this.#next(); bytes !== undefined; bytes = this.#next()) this.#keep(bytes);
    this.#rings = undefined;
    this.#give();
  }

  /** There is no more: the domain won't come back. */
  finish(): void {
    this.#finished = true;
    this.#give();
    const input = this.#input;
    this.#input = undefined;
    input?.done();
  }

  /** The guest has written something, or has taken input. */
  pump(): void {
    this.#give();
    this.#send();
  }

  override _read(): void {
    this.#wasRead = true;
    this.#wanted = true;
    this.#give();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#finished) {
      done();
      return;
    }
    this.#input = { bytes: chunk, done };
    this.#send();
  }

  #give(): void {
    for (let round = 0; this.#giveOne(); round++) {
      if (round < ROUNDS) continue;
      setImmediate(() => this.#give());
      return;
    }
  }

  /** Hands one piece on, or keeps it for later; whether there may be more. */
  #giveOne(): boolean {
    if (!this.#wasRead || this.destroyed) {
      const bytes = this.#next();
      if (bytes !== undefined) this.#keep(bytes);
      return bytes !== undefined;
    }
    if (!this.#wanted) return false;
    const bytes = this.#unkeep() ?? this.#next();
    if (bytes === undefined && !this.#finished) return false;
    this.#wanted = this.push(bytes ?? null);
    return this.#wanted;
  }

  /** Output of the guest that was not taken yet. */
  #next(): Uint8Array | undefined {
    const rings = this.#rings;
    if (rings === undefined) return undefined;
    const side = rings.sides.find(({ ring }) => !ring.isEmpty);
    if (side !== undefined) {
      const bytes = side.ring.read(PIECE);
      side.taken();
      return bytes;
    }
    const bytes = rings.page.take(PIECE);
    return bytes.length === 0 ? undefined : bytes;
  }

  #keep(bytes: Uint8Array): void {
    this.#backlog.push(bytes);
    this.#backlogBytes += bytes.length;
    while (this.#backlogBytes > BACKLOG_BYTES && this.#backlog.length > 1) this.#backlogBytes -= this.#backlog.shift()?.length ?? 0;
  }

  #unkeep(): Uint8Array | undefined {
    if (this.#backlog.length === 0) return undefined;
    const all = Buffer.concat(this.#backlog.splice(0));
    this.#backlogBytes = 0;
    return all;
  }

  #send(): void {
    const input = this.#input;
    const page = this.#rings?.page;
    if (input === undefined || page === undefined) return;
    const { room } = page;
    if (room === 0) return;
    page.send(input.bytes.subarray(0, room));
    if (input.bytes.length > room) {
      input.bytes = input.bytes.subarray(room);
      return;
    }
    this.#input = undefined;
    input.done();
  }
}
