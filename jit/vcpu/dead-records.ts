import * as L from '../state/vcpu-layout.ts';
import type { Block, BlockCache } from './block-cache.ts';

/** Table indices of special handlers, see SPECIAL_HANDLERS. */
const STALE_HANDLER = 3;
const FORWARD_HANDLER = 4;

/**
 * Redirects the first record of an invalidated block to what replaced it, since others are linked to it. The record may
 * also be one that did something else last (a fault, a system routine that overwrote itself): that stays as it is.
 */
export function forwardRecord(view: DataView, blocks: BlockCache, stalled: number, { record, physical, mode }: Block): void {
  view.setUint32(L.CUR_REC, 0, true);
  if (stalled === record || view.getUint8(stalled + L.REC_ORDINAL) !== 0) return;
  if (view.getUint32(stalled + L.REC_HANDLER, true) !== STALE_HANDLER) return;
  const old = blocks.startingAt(stalled);
  if (old?.physical !== physical || old.mode !== mode) return;
  view.setUint32(stalled + L.REC_CHAIN, record, true);
  view.setUint32(stalled + L.REC_HANDLER, FORWARD_HANDLER, true);
}

/** Forgets all that leads from addresses to records. */
export function clearJumpCache(view: DataView): void {
  new Uint8Array(view.buffer, L.BLOCK_TABLE, L.BLOCK_TABLE_ENTRIES * L.BLOCK_TABLE_ENTRY_SIZE).fill(0);
  for (let i = 0; i < L.JUMP_CACHE_ENTRIES; i++) view.setUint32(L.JUMP_CACHE + i * L.JUMP_CACHE_ENTRY_SIZE + L.JC_CTX, 0xffffffff, true);
}
