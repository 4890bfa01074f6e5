import { expect, test } from 'vitest';
import { Collection } from '../../../benchmarks/measure/collect.ts';
import { planGuestJobs } from '../../../benchmarks/measure/plan.ts';
import type { GuestJob, Job } from '../../../benchmarks/peers/job.ts';
import type { Peer, RunRecord } from '../../../benchmarks/peers/peer.ts';

const [planned] = planGuestJobs({ only: /^i386\/(alu|sieve|crc32)$/, repetitions: 1, silenceMs: 1 });
if (planned === undefined) throw new Error('the plan has no such cases');
const checksums = new Map(planned.cases.map(({ name, checksum }) => [name, checksum]));

/** A peer that runs cases in no time up to the one it breaks at, and remembers what it was asked. */
function fakePeer(options: { breaksAt?: string; wrong?: string; refuses?: string } = {}): Peer & { asked: string[] } {
  const asked: string[] = [];
  const run = async (job: Job): Promise<RunRecord> => {
    const names = (job as GuestJob).cases;
    asked.push(names.join(','));
    const broken = options.breaksAt === undefined ? -1 : names.indexOf(options.breaksAt);
    const texts = names
      .slice(0, broken < 0 ? names.length : broken)
      .flatMap((name) => [`BEGIN ${name}`, `END ${name} ${name === options.wrong ? 'bad' : checksums.get(name)}`]);
    if (broken >= 0) texts.push(`BEGIN ${options.breaksAt}`);
    const lines = texts.map((text, i) => ({ text, atMs: i * 5 }));
    return { lines, cpuSeconds: 1, maxRssBytes: 2, failure: broken >= 0 ? 'exit code 9' : null };
  };
  const refuses = (job: Job): string | null => (job.kind === 'guest' && options.refuses !== undefined && job.cases.includes(options.refuses) ? 'cannot' : null);
  return { name: 'fake', asked, run, refuses, available: async () => null, version: async () => '1' };
}

test('every case of a run gets a sample, the run its cost', async () => {
  const collection = new Collection();
  await collection.run(planned, fakePeer());
  await collection.run(planned, fakePeer());
  expect(collection.of('i386/alu', 'fake').samplesMs).toEqual([5, 5]);
  expect(collection.costOf('i386/integer', 'fake').cpuSeconds).toEqual([1, 1]);
});

test('the case a peer breaks at fails, the others are run again, and it is not tried anew', async () => {
  const collection = new Collection();
  const peer = fakePeer({ breaksAt: 'sieve' });
  await collection.run(planned, peer);
  expect(peer.asked).toEqual(['alu,sieve,crc32', 'crc32']);
  expect(collection.of('i386/sieve', 'fake').failure).toBe('exit code 9');
  expect(collection.of('i386/crc32', 'fake')).toMatchObject({ samplesMs: [5], failure: null });
  expect(collection.costOf('i386/integer', 'fake').cpuSeconds).toEqual([]);
  await collection.run(planned, peer);
  expect(peer.asked.at(-1)).toBe('alu,crc32');
});

test('a peer that does not come up fails everything at once', async () => {
  const collection = new Collection();
  const peer: Peer = {
    ...fakePeer(),
    run: async () => ({ lines: [], cpuSeconds: null, maxRssBytes: null, failure: 'exit code 1' }),
  };
  await collection.run(planned, peer);
  expect(planned.cases.map(({ id }) => collection.of(id, 'fake').failure)).toEqual(Array(3).fill('exit code 1'));
});

test('a wrong checksum is a failure', async () => {
  const collection = new Collection();
  await collection.run(planned, fakePeer({ wrong: 'alu' }));
  expect(collection.of('i386/alu', 'fake').failure).toMatch(/^wrong result bad, expected/);
});

test('what a peer refuses is not run and is no failure', async () => {
  const collection = new Collection();
  const peer = fakePeer({ refuses: 'alu' });
  await collection.run(planned, peer);
  expect(peer.asked).toEqual(['sieve,crc32']);
  expect(collection.of('i386/alu', 'fake')).toMatchObject({ isRefused: true, failure: 'cannot' });
});
