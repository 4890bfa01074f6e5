import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { BLKIF_LAYOUTS, BlockBackend, BlockFrontend, FakeGuest, settle } from '#sdk';
import { MemoryStore } from '../../../../plugins/vbd-memory/memory.ts';

const DEVICE = { type: 'vbd', id: 51712 };
const PAGE = 4096;

/** Writes requests and indices into a ring without a pause, from another thread. */
const SCRIBBLER = `
  const { memory, page, refs, layout, entries } = require('node:worker_threads').workerData;
  const words = new Int32Array(memory, page * 4096, 1024);
  const bytes = new DataView(memory, page * 4096, 4096);
  const any = (limit) => Math.floor(Math.random() * limit);
  for (let round = 0; ; round++) {
    const slot = 64 + any(entries) * layout.requestBytes;
    bytes.setUint8(slot, any(4) === 0 ? any(7) : any(2));
    bytes.setUint8(slot + 1, any(13));
    bytes.setUint32(slot + layout.sector, any(2100), true);
    bytes.setUint32(slot + layout.sector + 4, any(50) === 0 ? any(2) : 0, true);
    for (let at = slot + layout.segments; at + 8 <= slot + layout.requestBytes; at += 8) {
      bytes.setUint32(at, refs[any(refs.length)], true);
      bytes.setUint8(at + 4, any(8));
      bytes.setUint8(at + 5, any(9));
    }
    Atomics.store(words, 0, (Atomics.load(words, 2) + any(entries + 1)) | 0);
    Atomics.store(words, 3, any(2000));
  }
`;

describe('a ring that changes while it is served', () => {
  it.each(BLKIF_LAYOUTS.map((layout) => [layout.protocol, layout] as const))('of %s touches nothing that is not granted', async (protocol, layout) => {
    const guest = new FakeGuest({ pages: 64 });
    const { grants } = guest;
    const secret = grants.allocatePage();
    grants.page(secret).fill(0x5c);
    const open = grants.allocatePage();
    const refs = [grants.grant(secret, 'read'), grants.grant(open), grants.grant(open), 0, 77];
    const backend = new BlockBackend(guest.environment({ ...DEVICE, settings: {} }), new MemoryStore(1 << 20, false));
    let served = 0;
    let connections = 0;
    const end = performance.now() + 700;
    while (performance.now() < end) {
      const frontend = new BlockFrontend(guest, guest.frontendPath(DEVICE), { protocol, persistent: connections % 2 === 1 });
      await guest.connect(backend, DEVICE);
      const workerData = { memory: grants.memory.buffer, page: frontend.ring.gfns[0], refs, layout, entries: frontend.ring.entries };
      const worker = new Worker(SCRIBBLER, { eval: true, workerData });
      await new Promise((resolve) => worker.once('online', resolve));
      while (guest.failures.length === connections && performance.now() < end) {
        frontend.kick();
        await settle();
      }
      await worker.terminate();
      await backend.disconnect();
      connections++;
      expect(grants.mappings).toBe(0);
      frontend.release();
      const { readRequests = 0, failedRequests = 0 } = backend.stats();
      served = readRequests + failedRequests;
      if (guest.failures.length < connections) guest.failures.push('none');
    }
    expect(served).toBeGreaterThan(50);
    expect(grants.page(secret)).toEqual(new Uint8Array(PAGE).fill(0x5c));
    await backend.close();
  });
});
