import type { BackendStats } from '../backend.ts';
import { BlkifOp, BlkifStatus, type BlkifStatusValue } from './blkif.ts';
import type { BlockTransfer } from './block-transfer.ts';

/** What a VBD has done, over all its connections. */
export class BlockCounters {
  readonly #requests = new Float64Array(BlkifOp.BLKIF_OP_INDIRECT + 1);
  #readSectors = 0;
  #writtenSectors = 0;
  #failed = 0;

  /** Counts a request that has been answered. */
  count({ operation, sectors }: BlockTransfer, status: BlkifStatusValue): void {
    if (status !== BlkifStatus.BLKIF_RSP_OKAY) {
      this.#failed++;
      return;
    }
    this.#requests[operation] = (this.#requests[operation] ?? 0) + 1;
    if (operation === BlkifOp.BLKIF_OP_READ) this.#readSectors += sectors;
    else if (operation !== BlkifOp.BLKIF_OP_DISCARD) this.#writtenSectors += sectors;
  }

  /** All counters by name; sectors are of 512 bytes. */
  stats(): BackendStats {
    const requests = (operation: number): number => this.#requests[operation] ?? 0;
    return {
      readRequests: requests(BlkifOp.BLKIF_OP_READ),
      writeRequests: requests(BlkifOp.BLKIF_OP_WRITE) + requests(BlkifOp.BLKIF_OP_WRITE_BARRIER),
      flushRequests: requests(BlkifOp.BLKIF_OP_FLUSH_DISKCACHE),
      discardRequests: requests(BlkifOp.BLKIF_OP_DISCARD),
      failedRequests: this.#failed,
      readSectors: this.#readSectors,
      writtenSectors: this.#writtenSectors,
    };
  }
}
