// Hot path: what a guest reads and writes goes through here. Guarded by the benchmark of block reads.
import type { BackRing } from '../back-ring.ts';
import type { BackendEnvironment } from '../backend.ts';
import type { EventChannel } from '../event-channels.ts';
import { PAGE_BYTES } from '../guest-grants.ts';
import { BLKIF_DISCARD_SECURE, BLKIF_SECTOR_BYTES, type BlkifLayout, BlkifOp, BlkifStatus, type BlkifStatusValue } from './blkif.ts';
import type { BlockCounters } from './block-counters.ts';
import { type BlockStore, canDiscard } from './block-store.ts';
import { BlockTransfer } from './block-transfer.ts';
import type { GrantedPages } from './granted-pages.ts';

const { BLKIF_RSP_OKAY, BLKIF_RSP_ERROR, BLKIF_RSP_EOPNOTSUPP } = BlkifStatus;

/** What a queue works with. */
export interface BlockQueueParts {
  readonly environment: BackendEnvironment;
  readonly store: BlockStore;
  readonly ring: BackRing;
  readonly layout: BlkifLayout;
  readonly pages: GrantedPages;
  readonly counters: BlockCounters;
}

/**
 * Takes the requests of one ring to a store and the answers back. A request that is wrong is answered with an error; a
 * ring that is wrong fails the device. Nothing that the guest does is thrown.
 */
export class BlockQueue {
  readonly #parts: BlockQueueParts;
  readonly #idle: BlockTransfer[] = [];
  readonly #scratch = new DataView(new ArrayBuffer(PAGE_BYTES));
  #channel: EventChannel | undefined;
  #underWay = 0;
  /** A barrier: nothing is begun before it is done, and it begins when nothing else is under way. */
  #barrier: BlockTransfer | undefined;
  #inTurn = false;
  #stopped = false;
  #hasWarned = false;
  #drained: (() => void) | undefined;

  constructor(parts: BlockQueueParts) {
    this.#parts = parts;
  }

  /** Binds the frontend's port; false when there is no such port. */
  bind(port: number): boolean {
    this.#channel = this.#parts.environment.events.bind(port, () => this.#turn());
    return this.#channel !== undefined;
  }

  /** Begins nothing new, and waits for what is under way; its answers are dropped. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#channel?.close();
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  /** Serves what waits, up to one ring full; then it is everyone else's turn. */
  #turn(): void {
    if (this.#stopped || this.#inTurn) return;
    const { ring, environment } = this.#parts;
    this.#inTurn = true;
    let budget = ring.entries;
    do {
      for (let waiting = ring.available(); waiting !== 0 && this.#barrier === undefined && budget > 0; waiting = ring.available()) {
        if (waiting < 0) {
          this.#break();
          return;
        }
        budget--;
        ring.read();
        this.#begin();
      }
    } while (this.#barrier === undefined && budget > 0 && ring.rearm());
    this.#inTurn = false;
    this.#publish();
    if (budget === 0) environment.defer(() => this.#turn());
  }

  #break(): void {
    this.#stopped = true;
    this.#inTurn = false;
    this.#channel?.close();
    this.#parts.environment.fail('the request index of the ring is beyond what the ring holds');
  }

  #begin(): void {
    const { ring, layout } = this.#parts;
    const transfer = this.#idle.pop() ?? new BlockTransfer();
    this.#underWay++;
    transfer.begin(ring.request, layout);
    const status = this.#prepare(transfer);
    if (status !== BLKIF_RSP_OKAY) {
      this.#finish(transfer, status);
    } else if (transfer.operation === BlkifOp.BLKIF_OP_WRITE_BARRIER) {
      this.#barrier = transfer;
      this.#passBarrier();
    } else {
      this.#perform(transfer);
    }
  }

  /** Reads the rest of a request, judges it, and maps its pages. */
  #prepare(transfer: BlockTransfer): BlkifStatusValue {
    const { ring, layout, environment, store } = this.#parts;
    const { request } = ring;
    switch (transfer.operation) {
      case BlkifOp.BLKIF_OP_READ:
      case BlkifOp.BLKIF_OP_WRITE:
        return this.#admit(transfer, transfer.readSegments(request, layout) && transfer.segments > 0);
      case BlkifOp.BLKIF_OP_WRITE_BARRIER:
      case BlkifOp.BLKIF_OP_FLUSH_DISKCACHE:
        return store.flush === undefined ? BLKIF_RSP_EOPNOTSUPP : this.#admit(transfer, transfer.readSegments(request, layout));
      case BlkifOp.BLKIF_OP_INDIRECT:
        return this.#admit(transfer, transfer.readIndirect(request, layout, environment.grants, this.#scratch) && transfer.segments > 0);
      case BlkifOp.BLKIF_OP_DISCARD:
        return this.#prepareDiscard(transfer);
      default:
        return BLKIF_RSP_EOPNOTSUPP;
    }
  }

  #prepareDiscard(transfer: BlockTransfer): BlkifStatusValue {
    const { ring, layout, store } = this.#parts;
    const flags = transfer.readDiscard(ring.request, layout);
    if (!canDiscard(store) || (flags & BLKIF_DISCARD_SECURE) !== 0) return BLKIF_RSP_EOPNOTSUPP;
    return this.#admit(transfer, transfer.sectors > 0);
  }

  #admit(transfer: BlockTransfer, isSound: boolean): BlkifStatusValue {
    return isSound && this.#mayBegin(transfer) && transfer.map(this.#parts.pages) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
  }

  #mayBegin({ sector, sectors, isWrite }: BlockTransfer): boolean {
    const { readOnly, sizeBytes, sectorBytes } = this.#parts.store;
    if (isWrite && readOnly && sectors > 0) return false;
    const unit = sectorBytes / BLKIF_SECTOR_BYTES;
    // A flush has no extent, and its sector means nothing.
    return sectors === 0 || (sector + sectors <= sizeBytes / BLKIF_SECTOR_BYTES && sector % unit === 0 && sectors % unit === 0);
  }

  /** Does what needs no barrier; at once when the store can. */
  #perform(transfer: BlockTransfer): void {
    try {
      const done = this.#start(transfer);
      if (done === undefined) this.#finish(transfer, BLKIF_RSP_OKAY);
      else
        done.then(
          () => this.#finish(transfer, BLKIF_RSP_OKAY),
          (error: unknown) => this.#reject(transfer, error),
        );
    } catch (error) {
      this.#reject(transfer, error);
    }
  }

  #start(transfer: BlockTransfer): void | Promise<void> {
    const { store } = this.#parts;
    const offset = transfer.sector * BLKIF_SECTOR_BYTES;
    switch (transfer.operation) {
      case BlkifOp.BLKIF_OP_READ:
        return store.read(offset, transfer.parts);
      case BlkifOp.BLKIF_OP_WRITE:
        return store.write(offset, transfer.parts);
      case BlkifOp.BLKIF_OP_DISCARD:
        return store.discard?.(offset, transfer.sectors * BLKIF_SECTOR_BYTES);
      default:
        return transfer.segments === 0 ? store.flush?.() : this.#flushAndWrite(transfer);
    }
  }

  /** A flush that carries data: what was written before is safe before the data is. */
  async #flushAndWrite({ sector, parts }: BlockTransfer): Promise<void> {
    const { store } = this.#parts;
    await store.flush?.();
    await store.write(sector * BLKIF_SECTOR_BYTES, parts);
  }

  /** Begins the barrier that waits, when all before it is done. */
  #passBarrier(): void {
    const barrier = this.#barrier;
    if (barrier === undefined || this.#underWay > 1) return;
    this.#writeBarrier(barrier).then(
      () => this.#finish(barrier, BLKIF_RSP_OKAY),
      (error: unknown) => this.#reject(barrier, error),
    );
  }

  async #writeBarrier(barrier: BlockTransfer): Promise<void> {
    const { store } = this.#parts;
    await store.flush?.();
    if (barrier.segments === 0) return;
    await store.write(barrier.sector * BLKIF_SECTOR_BYTES, barrier.parts);
    await store.flush?.();
  }

  #reject(transfer: BlockTransfer, error: unknown): void {
    const { environment } = this.#parts;
    const message = `an I/O request failed: ${error instanceof Error ? error.message : String(error)}`;
    // The operator hears of the first only: a guest could repeat it without end.
    if (this.#hasWarned) environment.log.debug(message, { sector: transfer.sector });
    else environment.log.warn(message, { sector: transfer.sector });
    this.#hasWarned = true;
    this.#finish(transfer, BLKIF_RSP_ERROR);
  }

  #finish(transfer: BlockTransfer, status: BlkifStatusValue): void {
    const { ring, pages, counters } = this.#parts;
    transfer.unmap(pages);
    counters.count(transfer, status);
    this.#underWay--;
    if (!this.#stopped) {
      ring.response.setUint32(0, transfer.idLow, true);
      ring.response.setUint32(4, transfer.idHigh, true);
      ring.response.setUint8(8, transfer.operation);
      ring.response.setInt16(10, status, true);
      ring.respond();
      if (!this.#inTurn) this.#publish();
    }
    const wasBarrier = this.#barrier === transfer;
    if (wasBarrier) this.#barrier = undefined;
    this.#idle.push(transfer);
    if (this.#underWay === 0 && this.#stopped) this.#drained?.();
    else if (wasBarrier) this.#turn();
    else if (this.#barrier !== undefined && !this.#inTurn) this.#passBarrier();
  }

  #publish(): void {
    if (!this.#stopped && this.#parts.ring.publish()) this.#channel?.notify();
  }
}
