import { BLKIF_LAYOUTS, type BlkifLayout, BlkifOp, BlkifStatus } from '../../backend/block/blkif.ts';
import { PAGE_BYTES } from '../../backend/guest-grants.ts';
import { type BackendConformanceCase, mustEqual, randomBytes, settle } from '../backend-guest/backend-case.ts';
import { must } from '../scheduler/measure.ts';
import { SeededRandom } from '../scheduler/random.ts';
import { BlockFrontend, type RawRequest } from './block-frontend.ts';
import { type OpenBlockDevice, withBlockDevice } from './open-device.ts';
import type { BlockBackendSubject } from './subject.ts';

const { BLKIF_RSP_OKAY } = BlkifStatus;
const { BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_INDIRECT, BLKIF_OP_DISCARD } = BlkifOp;

/** What a backend does when a guest does what no driver should. */
export function hostileCases<O extends object>(subject: BlockBackendSubject<O>): BackendConformanceCase[] {
  return [
    { id: 'bad-requests', title: 'answers every kind of bad request with an error, and goes on', run: () => withBlockDevice(subject, badRequests) },
    { id: 'bad-nodes', title: 'refuses nodes that make no sense, and takes the next connection', run: () => withBlockDevice(subject, badNodes) },
    { id: 'bad-index', title: 'fails the device when an index of the ring is impossible', run: () => badIndex(subject) },
    { id: 'overlap', title: 'takes requests whose segments or pages are the same', run: () => withBlockDevice(subject, overlapping) },
    { id: 'flood', title: 'lets others have a turn while a guest asks without end', run: () => withBlockDevice(subject, flood) },
    { id: 'under-way', title: 'waits at disconnect for what is under way', run: () => withBlockDevice(subject, underWay) },
    { id: 'noise', title: 'touches nothing that is not granted, whatever a ring holds', run: () => noise(subject) },
  ];
}

async function badRequests({ connect, disconnect, guest, sectors, backend }: OpenBlockDevice): Promise<string> {
  let tried = 0;
  for (const { protocol } of BLKIF_LAYOUTS) {
    const { frontend } = await connect({ protocol });
    const { grants } = guest;
    const gfn = grants.allocatePage();
    const good = { ref: grants.grant(gfn), first: 0, last: 7 };
    const readOnly = { ref: grants.grant(gfn, 'read'), first: 0, last: 7 };
    const bad: RawRequest[] = [
      { operation: BLKIF_OP_READ, sector: 0, segments: [] },
      { operation: BLKIF_OP_WRITE, sector: 0, segments: [good], claimed: 12 },
      { operation: BLKIF_OP_READ, sector: 0, segments: [good], claimed: 255 },
      { operation: BLKIF_OP_READ, sector: 0, segments: [{ ...good, first: 5, last: 4 }] },
      { operation: BLKIF_OP_READ, sector: 0, segments: [{ ...good, last: 8 }] },
      { operation: BLKIF_OP_WRITE, sector: 0, segments: [{ ...good, first: 255, last: 255 }] },
      { operation: BLKIF_OP_READ, sector: 0, segments: [{ ...good, ref: 0 }] },
      { operation: BLKIF_OP_READ, sector: 0, segments: [good, { ...good, ref: 0xffff_ffff }] },
      { operation: BLKIF_OP_READ, sector: 0, segments: [readOnly] },
      { operation: BLKIF_OP_READ, sector: sectors - 7, segments: [good] },
      { operation: BLKIF_OP_WRITE, sector: sectors, segments: [good] },
      { operation: BLKIF_OP_READ, sector: 2n ** 32n, segments: [good] },
      { operation: BLKIF_OP_WRITE, sector: 2n ** 63n, segments: [good] },
      { operation: BLKIF_OP_READ, sector: 2n ** 64n - 1n, segments: [good] },
      { operation: BLKIF_OP_INDIRECT, indirectOperation: BLKIF_OP_READ, sector: 0, segments: [], claimed: 0 },
      { operation: BLKIF_OP_INDIRECT, indirectOperation: BLKIF_OP_READ, sector: 0, claimed: 4, indirectRefs: [0x7fff_ffff] },
      { operation: BLKIF_OP_INDIRECT, indirectOperation: BLKIF_OP_READ, sector: 0, claimed: 0xffff, indirectRefs: Array(8).fill(good.ref) },
      { operation: BLKIF_OP_INDIRECT, indirectOperation: BLKIF_OP_INDIRECT, sector: 0, segments: [good] },
      { operation: BLKIF_OP_INDIRECT, indirectOperation: BLKIF_OP_DISCARD, sector: 0, segments: [good] },
      { operation: BLKIF_OP_DISCARD, sector: sectors - 1, count: 2 },
      { operation: BLKIF_OP_DISCARD, sector: 1, count: 2n ** 64n - 1n },
      { operation: BLKIF_OP_DISCARD, sector: 0, count: 0 },
      { operation: 4, sector: 0, segments: [good] },
      { operation: 255, sector: 0, segments: [good] },
    ];
    for (const request of bad) {
      const status = await frontend.submit(request);
      must(
        status !== BLKIF_RSP_OKAY,
        () => `this was taken: ${JSON.stringify(request, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))}`,
      );
      tried++;
    }
    must(grants.endAccess(good.ref) && grants.endAccess(readOnly.ref), 'a page of a bad request is still mapped');
    must((await frontend.write(0, new Uint8Array(4096))) === BLKIF_RSP_OKAY, 'a good request was refused after the bad ones');
    await disconnect(frontend);
  }
  must(guest.failures.length === 0, `the device failed: ${guest.failures[0]}`);
  must(backend.stats()['failedRequests'] === tried, `it counted ${backend.stats()['failedRequests']} failed requests, and not ${tried}`);
  return `${tried} refused`;
}

async function badNodes({ connect, disconnect, guest, backend }: OpenBlockDevice): Promise<string> {
  const path = guest.frontendPath({ type: 'vbd', id: 51712 });
  const bad: Readonly<Record<string, string>>[] = [
    { 'ring-ref': '4711' },
    { 'ring-ref': '-1' },
    { 'ring-ref': '99999999999' },
    { 'ring-ref': 'x'.repeat(2000) },
    { 'event-channel': '4711' },
    { 'event-channel': '' },
    { protocol: 'arm-abi' },
    { 'ring-page-order': '5' },
    { 'ring-page-order': '1' },
    { 'ring-page-order': 'many' },
  ];
  for (const nodes of bad) {
    let refused: unknown;
    // A frontend with good nodes, of which one is then spoiled.
    const { frontend } = await connect();
    await disconnect(frontend);
    const spoiled = new BlockFrontend(guest, path);
    guest.store.writeAll(path, nodes);
    try {
      await backend.connect(guest.store.nodesBelow(path));
    } catch (error) {
      refused = error;
    }
    must(refused instanceof Error, `these were taken: ${JSON.stringify(nodes)}`);
    must(refused.message.length < 200, 'a guest can make the message as long as it likes');
    await disconnect(spoiled);
  }
  return `${bad.length} refused`;
}

async function badIndex<O extends object>(subject: BlockBackendSubject<O>): Promise<string> {
  const indices = [33, 64, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
  for (const index of indices) {
    await withBlockDevice(subject, async ({ connect, disconnect, guest }) => {
      const { frontend } = await connect();
      frontend.ring.forge(0, index);
      frontend.kick();
      await settle();
      must(guest.failures.length === 1, `the device has failed ${guest.failures.length} times, and not once, with the index 0x${index.toString(16)}`);
      frontend.kick();
      await settle();
      must(guest.failures.length === 1, 'the device has failed again');
      await disconnect(frontend);
      const next = (await connect()).frontend;
      must((await next.write(0, new Uint8Array(4096))) === BLKIF_RSP_OKAY, 'the next connection does not work');
      await disconnect(next);
    });
  }
  return `${indices.length} indices`;
}

async function overlapping({ connect, disconnect, guest }: OpenBlockDevice): Promise<string> {
  const { grants } = guest;
  for (const persistent of [false, true]) {
    const { frontend } = await connect({ persistent });
    const gfn = grants.allocatePage();
    const ref = grants.grant(gfn);
    const data = randomBytes(new SeededRandom(8), PAGE_BYTES);
    grants.page(gfn).set(data);
    const same = Array.from({ length: 11 }, () => ({ ref, first: 0, last: 7 }));
    must((await frontend.submit({ operation: BLKIF_OP_WRITE, sector: 0, segments: same })) === BLKIF_RSP_OKAY, 'a write of the same page eleven times failed');
    mustEqual(await frontend.read(80, 8), data, 'the last of eleven times the same page');
    must((await frontend.submit({ operation: BLKIF_OP_READ, sector: 0, segments: same })) === BLKIF_RSP_OKAY, 'a read into the same page failed');
    mustEqual(grants.page(gfn).slice(), data, 'the page that was read into eleven times');
    await disconnect(frontend);
    must(grants.endAccess(ref), 'the page is still mapped');
  }
  return 'eleven times one page';
}

async function flood({ connect, disconnect, guest }: OpenBlockDevice): Promise<string> {
  const { frontend } = await connect();
  const requests = frontend.ring.entries * 20;
  let turns = 0;
  let isDone = false;
  const others = (): void => {
    turns++;
    if (!isDone) setImmediate(others);
  };
  setImmediate(others);
  await Promise.all(Array.from({ length: requests }, (_, i) => frontend.submit({ operation: i % 2 === 0 ? 99 : BLKIF_OP_READ, sector: 0 })));
  isDone = true;
  must(turns >= 5, `others had ${turns} turns during ${requests} requests`);
  must(guest.failures.length === 0, 'the device failed');
  await disconnect(frontend);
  return `${requests} requests`;
}

async function underWay({ connect, disconnect }: OpenBlockDevice): Promise<string> {
  const { frontend } = await connect();
  for (let i = 0; i < 16; i++) void frontend.write(i * 8, new Uint8Array(4096).fill(i)).catch(() => {});
  void frontend.flush();
  await Promise.resolve();
  await disconnect(frontend);
  return '17 requests';
}

async function noise<O extends object>(subject: BlockBackendSubject<O>): Promise<string> {
  const rounds = Math.ceil((subject.randomRequests ?? 2000) / 40);
  return await withBlockDevice(subject, async ({ connect, disconnect, guest, sectors, backend }) => {
    const random = new SeededRandom(77);
    const { grants } = guest;
    const secret = grants.allocatePage();
    const canary = randomBytes(random, PAGE_BYTES);
    grants.page(secret).set(canary);
    for (let round = 0; round < rounds; round++) {
      const { frontend } = await connect({ protocol: BLKIF_LAYOUTS[round & 1]?.protocol ?? '', persistent: random.fraction() < 0.5, ringPageOrder: round % 3 });
      const { ring, layout } = frontend;
      const shared = grants.allocatePage();
      const own = [grants.grant(shared), grants.grant(secret, 'read')];
      const refs = [...own, ...own, ...own, ...ring.refs, 0, 5000];
      for (let kick = 0; kick < 4; kick++) {
        for (let i = 0; i < ring.entries; i++) ring.overwrite(i, noisyRequest(random, layout, { refs, sectors }));
        ring.forge(0, random.fraction() < 0.8 ? ring.answered + random.integer(0, ring.entries) : random.integer(0, 0xffff_ffff));
        frontend.kick();
        await settle();
      }
      await disconnect(frontend);
      must(
        own.every((ref) => grants.endAccess(ref)),
        'a page is still mapped',
      );
      grants.freePage(shared);
      mustEqual(grants.page(secret).slice(), canary, 'a page that was granted for reads only');
    }
    const { readRequests = 0, failedRequests = 0 } = backend.stats();
    must(readRequests > 0 && failedRequests > 0, `the noise holds ${readRequests} good requests and ${failedRequests} bad ones`);
    return `${rounds} rings of noise: ${readRequests} reads, ${failedRequests} refused`;
  });
}

/** A request that is nearly right. */
function noisyRequest(random: SeededRandom, layout: BlkifLayout, { refs, sectors }: { refs: readonly number[]; sectors: number }): Uint8Array {
  const request = new Uint8Array(layout.requestBytes);
  const view = new DataView(request.buffer);
  view.setUint8(0, random.fraction() < 0.6 ? BLKIF_OP_READ : random.integer(0, 7));
  view.setUint8(1, random.integer(0, random.fraction() < 0.9 ? 3 : 255));
  // Whole pages every other time, for backends with larger sectors.
  const isWhole = random.fraction() < 0.5;
  view.setUint32(layout.sector, isWhole ? random.integer(0, sectors / 8) * 8 : random.integer(0, sectors), true);
  for (let at = layout.segments; at + 8 <= request.length; at += 8) {
    view.setUint32(at, random.among(refs), true);
    const first = isWhole ? 0 : random.integer(0, 7);
    view.setUint8(at + 4, first);
    view.setUint8(at + 5, isWhole ? 7 : random.integer(first, random.fraction() < 0.9 ? 7 : 255));
  }
  if (random.fraction() < 0.3) view.setUint32(random.integer(0, request.length / 4 - 1) * 4, random.integer(0, 0xffff_ffff), true);
  return request;
}
