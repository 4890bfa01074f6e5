import { NetTxFlag } from '../../backend/netif/netif-layout.ts';
import { type BackendConformanceCase, randomBytes, settle } from '../backend-guest/backend-case.ts';
import { must } from '../scheduler/measure.ts';
import { SeededRandom } from '../scheduler/random.ts';
import { broadcastFrame } from './honest-cases.ts';
import type { NetworkFrontend, NetworkFrontendOptions } from './network-frontend.ts';
import { type NetworkBackendSubject, type OpenVif, withVif } from './subject.ts';

/** What a guest may do to its ring, each of which ends its device and nothing else. */
const FATAL: readonly (readonly [string, (frontend: NetworkFrontend) => void])[] = [
  ['an index of requests to send beyond the ring', ({ queues }) => queues[0]?.tx.forge(0, 0x7fff_0000)],
  ['an index that goes back', ({ queues }) => queues[0]?.tx.forge(0, -5)],
  ['a slot that reaches beyond its page', (frontend) => frontend.putData(broadcastFrame(100), { offset: 4090 })],
  ['a frame that lacks its last slots', (frontend) => frontend.putData(broadcastFrame(100), { flags: NetTxFlag.more_data })],
  ['a frame that lacks its extra slot', (frontend) => frontend.putData(broadcastFrame(100), { flags: NetTxFlag.extra_info })],
  [
    'a frame of more slots than any has',
    (frontend) => {
      for (let i = 0; i < 40; i++) frontend.putData(broadcastFrame(20), { size: i === 0 ? 2000 : 20, flags: i < 39 ? NetTxFlag.more_data : 0 });
    },
  ],
  [
    'slots that hold more than their frame',
    (frontend) => {
      frontend.putData(broadcastFrame(100), { size: 100, flags: NetTxFlag.more_data });
      frontend.putData(broadcastFrame(100), { size: 101 });
    },
  ],
  ['an extra slot of no type', (frontend) => withExtra(frontend, [0, 0])],
  ['an extra slot of a type that there is not', (frontend) => withExtra(frontend, [200, 0])],
  ['segments of no bytes', (frontend) => withExtra(frontend, [1, 0, 0, 0, 1])],
  ['segments of a kind that there is not', (frontend) => withExtra(frontend, [1, 0, 100, 0, 9])],
  [
    'extra slots without end',
    (frontend) => {
      frontend.putData(broadcastFrame(100), { flags: NetTxFlag.extra_info });
      for (let i = 0; i < 60; i++) frontend.putSlot([1, 1, 100, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    },
  ],
];

/** Nodes with which nothing can be connected. */
const BAD_NODES: readonly (readonly [string, NonNullable<NetworkFrontendOptions['nodes']>])[] = [
  ['no copying', { 'request-rx-copy': 0 }],
  ['a ring that is not granted', { 'tx-ring-ref': 123_456 }],
  ['a ring that is no number', { 'rx-ring-ref': 'x' }],
  ['a port that there is not', { 'event-channel-rx': 9999 }],
  ['no queue', { 'multi-queue-num-queues': 0 }],
  ['too many queues', { 'multi-queue-num-queues': 1_000_000 }],
];

/** What no guest can do to the host or to others. */
export function hostileCases<O extends object>(subject: NetworkBackendSubject<O>): BackendConformanceCase[] {
  return [
    ...FATAL.map(([what, commit]) => ({
      id: what,
      title: `${what}: the device fails, and works again after a new connection`,
      run: () =>
        withVif(subject, async (vif) => {
          const frontend = await vif.connect();
          await settle();
          commit(frontend);
          // An index that was forged stays as it is.
          const tx = frontend.queues[0]?.tx;
          if (tx !== undefined && tx.free < tx.entries) frontend.kick();
          frontend.ring();
          await settle();
          must(vif.guest.failures.length > 0, 'the device did not fail');
          await vif.disconnect(frontend);
          await mustWork(vif);
          return vif.guest.failures[0] ?? '';
        }),
    })),
    ...BAD_NODES.map(([what, nodes]) => ({
      id: `connect with ${what}`,
      title: `a frontend with ${what} is refused, and nothing stays mapped`,
      run: () =>
        withVif(subject, async (vif) => {
          const message = await vif.connect({ nodes }).then(
            () => '',
            (error: unknown) => (error instanceof Error ? error.message : String(error)),
          );
          must(message !== '', 'the frontend was connected');
          await vif.backend.disconnect();
          must(vif.guest.grants.mappings === 0 && vif.guest.events.bound === 0, 'something is still mapped or bound');
          await mustWork(vif);
          return message;
        }),
    })),
    {
      id: 'bad reference',
      title: 'a frame in a page that is not granted is answered with an error, and the next one is taken',
      run: () =>
        withVif(subject, async ({ guest, connect, disconnect }) => {
          const frontend = await connect();
          frontend.putRequest({ ref: 0xffff_ffff, offset: 0, flags: 0, id: 1000, size: 60 });
          frontend.putRequest({ ref: 8, offset: 0, flags: 0, id: 1001, size: 3 });
          frontend.send(broadcastFrame(60));
          await settle();
          must(frontend.statuses.join() === '-1,-1,0', `the answers are ${frontend.statuses.join()}`);
          must(guest.failures.length === 0, 'the device failed');
          await disconnect(frontend);
          return frontend.statuses.join();
        }),
    },
    {
      id: 'random',
      title: 'random requests, indices and events, while pages change: nothing is thrown, and the device works again after it',
      run: () => random(subject),
    },
  ];
}

function withExtra(frontend: NetworkFrontend, extra: readonly number[]): void {
  frontend.putData(broadcastFrame(100), { flags: NetTxFlag.extra_info });
  frontend.putSlot([...extra, ...new Array<number>(12 - extra.length).fill(0)]);
}

async function mustWork({ guest, connect, disconnect }: OpenVif): Promise<void> {
  const before = guest.failures.length;
  const frontend = await connect();
  frontend.send(broadcastFrame(60));
  await settle();
  must(frontend.statuses.join() === '0', 'a good frame was not taken after another connection');
  must(guest.failures.length === before, () => `the device failed again: ${guest.failures.at(-1)}`);
  await disconnect(frontend);
}

function random<O extends object>(subject: NetworkBackendSubject<O>): Promise<string> {
  return withVif(subject, async (vif) => {
    const generator = new SeededRandom(4711);
    const rounds = subject.randomRounds ?? 300;
    for (let round = 0; round < rounds; round++) {
      const frontend = await vif.connect();
      frontend.deafen();
      misbehave(frontend, generator);
      // The guest writes while the backend reads.
      for (let i = 0; i < 20; i++) vif.guest.grants.memory[generator.integer(0, 600 * 4096)] = generator.integer(0, 255);
      await settle();
      await vif.backend.disconnect();
      must(vif.guest.grants.mappings === 0 && vif.guest.events.bound === 0, 'something is still mapped or bound');
      frontend.release();
    }
    await mustWork(vif);
    return `${rounds} connections, ${vif.guest.failures.length} failures`;
  });
}

function misbehave(frontend: NetworkFrontend, generator: SeededRandom): void {
  for (let i = generator.integer(1, 30); i > 0 && (frontend.queues[0]?.tx.free ?? 0) > 20; i--) putRandom(frontend, generator);
  if (oneIn(generator, 12)) frontend.putSlot([...randomBytes(generator, 12)]);
  frontend.kick();
  const ring = generator.among(['tx', 'rx'] as const);
  if (oneIn(generator, 12)) frontend.queues[0]?.[ring].forge(generator.among([0, 1, 3]), generator.integer(-10, 400));
  frontend.ring();
}

function oneIn(generator: SeededRandom, count: number): boolean {
  return generator.integer(1, count) === 1;
}

/** A frame that mostly keeps the rules of the ring, so that what comes after it is looked at as well, and never those of a network. */
function putRandom(frontend: NetworkFrontend, generator: SeededRandom): void {
  const frame = broadcastFrame(generator.integer(14, oneIn(generator, 4) ? 20_000 : 1514));
  frame.set(randomBytes(generator, frame.length - 12), 12);
  frame.set(
    generator
      .among([
        [8, 0, 0x45],
        [8, 0, 0x4f],
        [8, 6, 0],
        [0x86, 0xdd, 0x60],
        [0x81, 0, 0],
        [0x88, 0xb5, 0],
      ])
      .slice(0, frame.length - 12),
    12,
  );
  const blank = oneIn(generator, 2);
  if (oneIn(generator, 60)) {
    const size = generator.integer(0, 0xffff);
    frontend.putData(frame.subarray(0, 4096), { size, flags: generator.integer(0, 15), offset: generator.integer(0, 5000) });
  } else if (oneIn(generator, 6))
    frontend.putRequest({
      ref: generator.integer(0, 400),
      offset: 0,
      flags: blank ? 3 : 0,
      id: generator.integer(0, 0xffff),
      size: generator.integer(0, 4096),
    });
  else if (oneIn(generator, 4))
    frontend.send(frame, { blank, gsoType: generator.among([1, 2] as const), gsoSize: generator.integer(1, oneIn(generator, 2) ? 100 : 0xffff) });
  else frontend.send(frame, { blank, slotBytes: frame.length < 3000 && oneIn(generator, 3) ? 200 : 4096 });
}
