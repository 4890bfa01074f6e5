import { BLKIF_LAYOUTS, BLKIF_SECTOR_BYTES, BlkifOp, BlkifStatus } from '../../backend/block/blkif.ts';
import { type BackendConformanceCase, mustEqual, randomBytes } from '../backend-guest/backend-case.ts';
import { must } from '../scheduler/measure.ts';
import { SeededRandom } from '../scheduler/random.ts';
import type { BlockFrontend, BlockFrontendOptions, SegmentShape } from './block-frontend.ts';
import { type OpenBlockDevice, withBlockDevice } from './open-device.ts';
import type { BlockBackendSubject } from './subject.ts';

const { BLKIF_RSP_OKAY, BLKIF_RSP_EOPNOTSUPP } = BlkifStatus;

/** Every way to speak that stock kernels have. */
const DIALECTS: readonly BlockFrontendOptions[] = BLKIF_LAYOUTS.flatMap(({ protocol }) => [
  { protocol },
  { protocol, persistent: true },
  { protocol, ringPageOrder: 0 },
  { protocol, ringPageOrder: 2, persistent: true },
  { protocol, ringPageOrder: 4 },
]);

/** What a backend does with data. */
export function dataCases<O extends object>(subject: BlockBackendSubject<O>): BackendConformanceCase[] {
  return [
    { id: 'nodes', title: 'shows its size, its sectors and that it may be written', run: () => withBlockDevice(subject, showsNodes) },
    { id: 'zeroes', title: 'reads zeroes where nothing was written, also in the last sector', run: () => withBlockDevice(subject, readsZeroes) },
    { id: 'random', title: 'reads back what was written, in every layout of ring, with requests of every size', run: () => randomCase(subject) },
    { id: 'reconnect', title: 'keeps the data over a new connection', run: () => withBlockDevice(subject, reconnects) },
    { id: 'flush', title: 'flushes, with and without data, and keeps the order around a barrier', run: () => withBlockDevice(subject, flushes) },
    { id: 'discard', title: 'takes discards when it offers them, and says so when not', run: () => withBlockDevice(subject, discards) },
    {
      id: 'read-only',
      title: 'refuses to write what is read-only',
      run: () => withBlockDevice(subject, (device) => refusesWrites(subject, device), { mode: 'r' }),
    },
    { id: 'stats', title: 'counts what it does', run: () => withBlockDevice(subject, counts) },
  ];
}

async function showsNodes({ connect, disconnect, sectors, features }: OpenBlockDevice): Promise<string> {
  const { frontend, shown } = await connect();
  must(shown['sectors'] === `${sectors}`, `sectors is ${shown['sectors']}, and not ${sectors}`);
  must(shown['info'] === '0', `info is ${shown['info']}`);
  must(shown['sector-size'] === '512' || shown['sector-size'] === '4096', `sector-size is ${shown['sector-size']}`);
  must(Number(features['feature-max-indirect-segments'] ?? 0) <= 4096, 'feature-max-indirect-segments is more than the protocol can name');
  await disconnect(frontend);
  return `${sectors} sectors`;
}

async function readsZeroes({ connect, disconnect, sectors }: OpenBlockDevice): Promise<string> {
  const { frontend } = await connect();
  mustEqual(await frontend.read(0, 8), new Uint8Array(8 * BLKIF_SECTOR_BYTES), 'the first page');
  mustEqual(await frontend.read(sectors - 8, 8), new Uint8Array(8 * BLKIF_SECTOR_BYTES), 'the last page');
  await disconnect(frontend);
  return 'both ends';
}

async function randomCase<O extends object>(subject: BlockBackendSubject<O>): Promise<string> {
  const each = Math.ceil((subject.randomRequests ?? 2000) / DIALECTS.length);
  let done = 0;
  for (const [seed, dialect] of DIALECTS.entries()) {
    done += await withBlockDevice(subject, async (device) => {
      const { frontend, shown } = await device.connect(dialect);
      const unit = Number(shown['sector-size']) / BLKIF_SECTOR_BYTES;
      const count = await randomRequests(frontend, device, new SeededRandom(seed + 1), { requests: each, unit });
      await device.disconnect(frontend);
      return count;
    });
  }
  return `${done} requests in ${DIALECTS.length} dialects`;
}

/** Pages that begin and end anywhere. */
function raggedShape(random: SeededRandom): SegmentShape {
  return () => {
    const first = random.integer(0, 7);
    return { first, sectors: random.integer(1, 8 - first) };
  };
}

/** Several requests at once, of which none touch the same sectors, against an array. */
async function randomRequests(
  frontend: BlockFrontend,
  { sectors, features }: OpenBlockDevice,
  random: SeededRandom,
  { requests, unit }: { requests: number; unit: number },
): Promise<number> {
  const model = new Uint8Array(sectors * BLKIF_SECTOR_BYTES);
  const indirect = Number(features['feature-max-indirect-segments'] ?? 0);
  const most = Math.max(11, Math.min(indirect, 64));
  const lanes = 8;
  const lane = Math.floor(sectors / lanes / unit) * unit;
  let done = 0;
  while (done < requests) {
    await Promise.all(
      Array.from({ length: lanes }, async (_, i) => {
        const count = Math.min(lane, random.integer(1, random.integer(0, 3) === 0 ? most : 11) * unit);
        const at = i * lane + random.integer(0, (lane - count) / unit) * unit;
        const shape = unit === 1 ? raggedShape(random) : undefined;
        const bytes = model.subarray(at * BLKIF_SECTOR_BYTES, (at + count) * BLKIF_SECTOR_BYTES);
        if (random.fraction() < 0.5) {
          bytes.set(randomBytes(random, bytes.length));
          const status = await frontend.write(at, bytes.slice(), shape);
          must(status === BLKIF_RSP_OKAY, `a write of ${count} sectors at ${at} was answered with ${status}`);
        } else {
          mustEqual(await frontend.read(at, count, shape), bytes.slice(), `${count} sectors at ${at}`);
        }
      }),
    );
    done += lanes;
  }
  return done;
}

async function reconnects({ connect, disconnect }: OpenBlockDevice): Promise<string> {
  const data = randomBytes(new SeededRandom(5), 8 * BLKIF_SECTOR_BYTES);
  const first = (await connect()).frontend;
  must((await first.write(16, data)) === BLKIF_RSP_OKAY, 'the write failed');
  await disconnect(first);
  for (const { protocol } of BLKIF_LAYOUTS) {
    const { frontend } = await connect({ protocol });
    mustEqual(await frontend.read(16, 8), data, `after a new connection with ${protocol}`);
    await disconnect(frontend);
  }
  return 'kept';
}

async function flushes({ connect, disconnect, features }: OpenBlockDevice): Promise<string> {
  const { frontend } = await connect();
  const isOffered = features['feature-flush-cache'] === '1';
  const expected = isOffered ? BLKIF_RSP_OKAY : BLKIF_RSP_EOPNOTSUPP;
  const status = await frontend.flush();
  must(status === expected, `a flush was answered with ${status}, and not ${expected}`);
  if (isOffered) {
    const [before, within, after, flushed] = [1, 2, 3, 4].map((seed) => randomBytes(new SeededRandom(seed), 8 * BLKIF_SECTOR_BYTES)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    // All at once: the barrier alone says in which order the same sectors are written.
    const [, , , seen] = await Promise.all([
      frontend.write(8, before),
      frontend.write(8, within, undefined, BlkifOp.BLKIF_OP_WRITE_BARRIER),
      frontend.write(24, after),
      frontend.read(8, 8),
    ]);
    mustEqual(seen as Uint8Array | number, within, 'what a barrier wrote');
    mustEqual(await frontend.read(24, 8), after, 'what was written after a barrier');
    must((await frontend.write(40, flushed, undefined, BlkifOp.BLKIF_OP_FLUSH_DISKCACHE)) === BLKIF_RSP_OKAY, 'a flush with data failed');
    mustEqual(await frontend.read(40, 8), flushed, 'what a flush wrote');
    must((await frontend.submit({ operation: BlkifOp.BLKIF_OP_WRITE_BARRIER, sector: 0 })) === BLKIF_RSP_OKAY, 'an empty barrier failed');
  }
  await disconnect(frontend);
  return isOffered ? 'flushes' : 'no flush, and says so';
}

async function discards({ connect, disconnect, features }: OpenBlockDevice): Promise<string> {
  const { frontend } = await connect();
  const isOffered = features['feature-discard'] === '1';
  const sectors = Math.max(8, Number(features['discard-granularity'] ?? 0) / BLKIF_SECTOR_BYTES);
  const data = randomBytes(new SeededRandom(6), 8 * BLKIF_SECTOR_BYTES);
  for (const at of [0, sectors, 2 * sectors]) must((await frontend.write(at, data)) === BLKIF_RSP_OKAY, 'the write failed');
  const status = await frontend.discard(sectors, sectors);
  const expected = isOffered ? BLKIF_RSP_OKAY : BLKIF_RSP_EOPNOTSUPP;
  must(status === expected, `a discard was answered with ${status}, and not ${expected}`);
  for (const at of [0, 2 * sectors]) mustEqual(await frontend.read(at, 8), data, 'what is beside a discard');
  const seen = await frontend.read(sectors, 8);
  must(typeof seen !== 'number', 'what was discarded cannot be read');
  const isKept = seen.every((byte, i) => byte === data[i]);
  must(isKept || seen.every((byte) => byte === 0), 'what was discarded reads as neither what it was nor zeroes');
  if (isOffered) {
    const secure = await frontend.submit({ operation: BlkifOp.BLKIF_OP_DISCARD, sector: 0, count: 8, flags: 1 });
    must(features['discard-secure'] === '1' || secure === BLKIF_RSP_EOPNOTSUPP, `a secure discard, which is not offered, was answered with ${secure}`);
  }
  await disconnect(frontend);
  return isOffered ? (isKept ? 'keeps' : 'zeroes') : 'no discard, and says so';
}

async function refusesWrites<O extends object>(_subject: BlockBackendSubject<O>, { connect, disconnect, features }: OpenBlockDevice): Promise<string> {
  const { frontend, shown } = await connect();
  must((Number(shown['info']) & 4) !== 0, 'info does not say that it is read-only');
  must(features['feature-discard'] !== '1', 'it offers to discard');
  const status = await frontend.write(0, new Uint8Array(4096).fill(1));
  must(status !== BLKIF_RSP_OKAY, 'a write was taken');
  must((await frontend.discard(0, 8)) !== BLKIF_RSP_OKAY, 'a discard was taken');
  mustEqual(await frontend.read(0, 8), new Uint8Array(4096), 'what was to be written');
  await disconnect(frontend);
  return `status ${status}`;
}

async function counts({ connect, disconnect, backend }: OpenBlockDevice): Promise<string> {
  const { frontend } = await connect();
  await frontend.write(0, new Uint8Array(16 * BLKIF_SECTOR_BYTES));
  await frontend.read(0, 8);
  await frontend.submit({ operation: 77, sector: 0 });
  await disconnect(frontend);
  const { readRequests, writeRequests, failedRequests, readSectors, writtenSectors } = backend.stats();
  const seen = [readRequests, writeRequests, failedRequests, readSectors, writtenSectors].join(' ');
  must(seen === '1 1 1 8 16', `it counted ${seen}, and not 1 1 1 8 16`);
  return seen;
}
