import { describe, expect, it } from 'vitest';
import { blkifLayout, BlkifOp, BlockBackend, BlockFrontend, type BlockStore, FakeGuest, settle } from '#sdk';

const DEVICE = { type: 'vbd', id: 51712 };
const PAGE = 4096;

/** A store that notes what it is asked, and does it when the test lets it. */
class SlowStore implements BlockStore {
  readonly sizeBytes = 1 << 20;
  readonly sectorBytes = 512;
  readonly readOnly = false;
  readonly calls: string[] = [];
  readonly #open: { resolve: () => void; reject: (error: Error) => void }[] = [];

  read(offset: number): Promise<void> {
    return this.#call(`read ${offset}`);
  }

  write(offset: number, parts: readonly Uint8Array[]): Promise<void> {
    return this.#call(`write ${offset} ${parts.length}`);
  }

  flush(): Promise<void> {
    return this.#call('flush');
  }

  close(): void {
    this.calls.push('close');
  }

  /** Finishes the call that has waited longest. */
  async finish(error?: Error): Promise<void> {
    const call = this.#open.shift();
    if (error === undefined) call?.resolve();
    else call?.reject(error);
    await settle();
  }

  #call(what: string): Promise<void> {
    this.calls.push(what);
    return new Promise((resolve, reject) => this.#open.push({ resolve, reject }));
  }
}

async function setUp<S extends BlockStore>(store: S, { persistent = false } = {}) {
  const guest = new FakeGuest();
  const warnings: string[] = [];
  const environment = guest.environment({ ...DEVICE, settings: {} });
  const backend = new BlockBackend({ ...environment, log: { ...environment.log, warn: (message) => void warnings.push(message) } }, store);
  const frontend = new BlockFrontend(guest, guest.frontendPath(DEVICE), { persistent });
  await guest.connect(backend, DEVICE);
  await settle();
  const page = guest.grants.allocatePage();
  const ref = guest.grants.grant(page);
  const segment = { ref, first: 0, last: 7 };
  const answers: string[] = [];
  /** Sends a request and notes when it is answered. */
  const send = (name: string, operation: number, sector: number, segments = [segment]): void => {
    void frontend.submit({ operation, sector, segments }).then((status) => answers.push(`${name} ${status}`));
  };
  return { guest, backend, frontend, store, segment, send, answers, warnings };
}

describe('a barrier', () => {
  it('waits for what was asked before, and holds up what was asked after', async () => {
    const { store, send, answers } = await setUp(new SlowStore());
    send('a', BlkifOp.BLKIF_OP_WRITE, 0);
    send('b', BlkifOp.BLKIF_OP_READ, 8);
    send('barrier', BlkifOp.BLKIF_OP_WRITE_BARRIER, 16);
    send('c', BlkifOp.BLKIF_OP_WRITE, 24);
    await settle();
    expect(store.calls).toEqual(['write 0 1', 'read 4096']);
    await store.finish();
    expect(store.calls).toHaveLength(2);
    await store.finish();
    expect(store.calls.slice(2)).toEqual(['flush']);
    await store.finish();
    await store.finish();
    expect(store.calls.slice(2)).toEqual(['flush', 'write 8192 1', 'flush']);
    expect(answers).toEqual(['a 0', 'b 0']);
    await store.finish();
    expect(answers).toEqual(['a 0', 'b 0', 'barrier 0']);
    expect(store.calls.slice(5)).toEqual(['write 12288 1']);
  });

  it('that fails is answered, and lets the others go on', async () => {
    const { store, send, answers } = await setUp(new SlowStore());
    send('barrier', BlkifOp.BLKIF_OP_WRITE_BARRIER, 16);
    send('c', BlkifOp.BLKIF_OP_READ, 24);
    await settle();
    await store.finish(new Error('EIO'));
    await store.finish();
    expect(answers).toEqual(['barrier -1', 'c 0']);
  });
});

describe('a flush', () => {
  it('holds nothing up, and carries data after it', async () => {
    const { store, send } = await setUp(new SlowStore());
    send('a', BlkifOp.BLKIF_OP_FLUSH_DISKCACHE, 0);
    send('b', BlkifOp.BLKIF_OP_READ, 0);
    await settle();
    expect(store.calls).toEqual(['flush', 'read 0']);
    await store.finish();
    expect(store.calls).toEqual(['flush', 'read 0', 'write 0 1']);
  });
});

describe('a store that fails', () => {
  it('makes that request an I/O error, and is reported once', async () => {
    const { store, send, answers, warnings, guest } = await setUp(new SlowStore());
    for (const name of ['a', 'b', 'c']) send(name, BlkifOp.BLKIF_OP_WRITE, 0);
    await settle();
    await store.finish(new Error('ENOSPC: no space left'));
    await store.finish(new Error('ENOSPC: no space left'));
    await store.finish();
    expect(answers).toEqual(['a -1', 'b -1', 'c 0']);
    expect(warnings).toEqual(['an I/O request failed: ENOSPC: no space left']);
    expect(guest.failures).toEqual([]);
  });

  it('may throw as well, anything', async () => {
    const store = new SlowStore();
    store.read = () => {
      throw 'no error at all';
    };
    const { send, answers } = await setUp(store);
    send('a', BlkifOp.BLKIF_OP_READ, 0);
    await settle();
    expect(answers).toEqual(['a -1']);
  });
});

describe('disconnect', () => {
  it('waits for what is under way, drops its answers, and begins nothing', async () => {
    const { store, send, answers, backend, guest, frontend, segment } = await setUp(new SlowStore());
    for (const name of ['a', 'b']) send(name, BlkifOp.BLKIF_OP_WRITE, 0);
    await settle();
    let isDone = false;
    const done = backend.disconnect() as Promise<void>;
    void done.then(() => {
      isDone = true;
    });
    send('c', BlkifOp.BLKIF_OP_READ, 0);
    await store.finish();
    expect([isDone, guest.grants.mappings]).toEqual([false, 2]);
    await store.finish();
    await done;
    expect([guest.grants.mappings, guest.events.bound, answers.length, store.calls.length]).toEqual([0, 0, 0, 2]);
    expect(guest.grants.endAccess(segment.ref) && frontend.release()).toBe(true);
  });

  it('lets a barrier that waits end first', async () => {
    const { store, send, backend, guest } = await setUp(new SlowStore());
    send('a', BlkifOp.BLKIF_OP_WRITE, 0);
    send('barrier', BlkifOp.BLKIF_OP_WRITE_BARRIER, 8);
    await settle();
    const done = backend.disconnect();
    for (let i = 0; i < 4; i++) await store.finish();
    await done;
    expect(guest.grants.mappings).toBe(0);
  });

  it('after a connect that failed gives back what was mapped until then', async () => {
    const guest = new FakeGuest();
    const backend = new BlockBackend(guest.environment({ ...DEVICE, settings: {} }), new SlowStore());
    const frontend = new BlockFrontend(guest, guest.frontendPath(DEVICE), { ringPageOrder: 2 });
    guest.store.write(`${frontend.path}/ring-ref3`, '9999');
    await expect(guest.connect(backend, DEVICE)).rejects.toThrow('ring-ref3 9999 cannot be mapped: grant status -3');
    expect(guest.grants.mappings).toBe(3);
    await backend.disconnect();
    expect(guest.grants.mappings).toBe(0);
  });
});

describe('persistent grants', () => {
  const now: BlockStore = { sizeBytes: 1 << 20, sectorBytes: 512, readOnly: false, read: () => {}, write: () => {}, close: () => {} };

  it('are mapped once, for both directions', async () => {
    const { guest, frontend, backend } = await setUp(now, { persistent: true });
    const before = guest.grants.maps;
    for (let i = 0; i < 10; i++) {
      expect(await frontend.write(0, new Uint8Array(2 * PAGE))).toBe(0);
      expect(await frontend.read(0, 16)).toHaveLength(2 * PAGE);
    }
    expect(guest.grants.maps - before).toBe(2);
    expect(backend.stats()['persistentGrants']).toBe(2);
    await backend.disconnect();
    expect([guest.grants.mappings, backend.stats()['persistentGrants']]).toEqual([0, 0]);
  });

  it('that are read-only serve writes, and are not kept', async () => {
    const { guest, frontend } = await setUp(now, { persistent: true });
    const ref = guest.grants.grant(guest.grants.allocatePage(), 'read');
    const segments = [{ ref, first: 0, last: 7 }];
    expect(await frontend.submit({ operation: BlkifOp.BLKIF_OP_WRITE, sector: 0, segments })).toBe(0);
    expect(await frontend.submit({ operation: BlkifOp.BLKIF_OP_READ, sector: 0, segments })).toBe(-1);
    expect(guest.grants.endAccess(ref)).toBe(true);
  });

  it('are kept up to a limit, the latest ones', async () => {
    const { guest, frontend, backend } = await setUp(now, { persistent: true });
    const page = guest.grants.allocatePage();
    const refs = Array.from({ length: 1100 }, () => guest.grants.grant(page));
    const write = (ref: number) => frontend.submit({ operation: BlkifOp.BLKIF_OP_WRITE, sector: 0, segments: [{ ref, first: 0, last: 0 }] });
    for (const ref of refs) expect(await write(ref)).toBe(0);
    expect(backend.stats()['persistentGrants']).toBe(1056);
    expect([refs[0], refs[43], refs[44], refs[1099]].map((ref) => guest.grants.isInUse(ref ?? 0))).toEqual([false, false, true, true]);
  });

  it('are not used when the frontend has none', async () => {
    const { guest, frontend, backend } = await setUp(now);
    await frontend.write(0, new Uint8Array(PAGE));
    expect([guest.grants.mappings, backend.stats()['persistentGrants']]).toEqual([1, 0]);
  });
});

describe('events', () => {
  it('are few when many requests are answered at once', async () => {
    const { frontend } = await setUp({ sizeBytes: 1 << 20, sectorBytes: 512, readOnly: false, read: () => {}, write: () => {}, close: () => {} });
    await Promise.all(Array.from({ length: 32 }, (_, i) => frontend.read(i * 8, 8)));
    expect(frontend.events).toBeLessThanOrEqual(2);
  });
});

describe('what a connected backend shows', () => {
  it.each([
    ['r', 'disk', '4'],
    ['w', 'disk', '0'],
    ['r', 'cdrom', '5'],
    ['w', 'cdrom', '1'],
  ])('of mode %s and type %s is info %s', async (mode, type, info) => {
    const guest = new FakeGuest();
    const environment = guest.environment({ ...DEVICE, settings: { 'device-type': type } });
    const store: BlockStore = {
      sizeBytes: 16384,
      sectorBytes: 4096,
      physicalSectorBytes: 16384,
      readOnly: mode === 'r',
      read: () => {},
      write: () => {},
      close: () => {},
    };
    const backend = new BlockBackend(environment, store);
    new BlockFrontend(guest, guest.frontendPath(DEVICE));
    expect(await guest.connect(backend, DEVICE)).toEqual({ sectors: '32', info, 'sector-size': '4096', 'physical-sector-size': '16384' });
  });

  it('has no physical sector that its size is no multiple of', async () => {
    const guest = new FakeGuest();
    const store: BlockStore = {
      sizeBytes: 4608,
      sectorBytes: 512,
      physicalSectorBytes: 4096,
      readOnly: false,
      read: () => {},
      write: () => {},
      close: () => {},
    };
    const backend = new BlockBackend(guest.environment({ ...DEVICE, settings: {} }), store);
    new BlockFrontend(guest, guest.frontendPath(DEVICE));
    expect(await guest.connect(backend, DEVICE)).toMatchObject({ sectors: '9', 'physical-sector-size': '512' });
  });
});

describe('the layouts of requests', () => {
  // As a C compiler lays out the structures of xen/include/public/io/blkif.h for either kind of guest.
  it.each([
    ['x86_32-abi', { requestBytes: 108, responseBytes: 12, id: 4, sector: 12, segments: 20, indirectRefs: 24, discardSectors: 20 }],
    ['x86_64-abi', { requestBytes: 112, responseBytes: 16, id: 8, sector: 16, segments: 24, indirectRefs: 28, discardSectors: 24 }],
  ])('of %s are those of the public header', (protocol, layout) => {
    expect(blkifLayout(protocol)).toEqual({ protocol, ...layout });
  });

  it('are those of 64-bit guests when the frontend does not say', () => {
    expect([blkifLayout(undefined)?.protocol, blkifLayout('arm-abi')]).toEqual(['x86_64-abi', undefined]);
  });
});
