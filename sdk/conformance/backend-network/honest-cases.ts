import { type BackendConformanceCase, settle } from '../backend-guest/backend-case.ts';
import { must } from '../scheduler/measure.ts';
import type { NetworkFrontend, NetworkFrontendOptions } from './network-frontend.ts';
import { type NetworkBackendSubject, PROBE_MAC, withVif } from './subject.ts';

/** A broadcast of a kind that nobody knows. */
export function broadcastFrame(length: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame.fill(0xff, 0, 6);
  frame.set(PROBE_MAC, 6);
  frame.set([0x88, 0xb5], 12);
  return frame;
}

const WAYS: readonly (readonly [string, NetworkFrontendOptions])[] = [
  ['as Linux', {}],
  ['with one event channel', { split: false }],
  ['with four queues', { queues: 4 }],
  ['with one slot for each frame and no offloads', { severalSlots: false, gso: false, checksum: false }],
];

/** What every network does for frontends that keep the rules. */
export function honestCases<O extends object>(subject: NetworkBackendSubject<O>): BackendConformanceCase[] {
  const { probe } = subject;
  return [
    ...WAYS.map(([how, options]) => ({
      id: `connect ${how}`,
      title: `a frontend ${how} connects, sends, disconnects and connects again`,
      run: () =>
        withVif(subject, async ({ guest, connect, disconnect }) => {
          for (let round = 0; round < 2; round++) {
            const frontend = await connect(options);
            await sendMany(frontend, 300);
            must(guest.failures.length === 0, () => `the device failed: ${guest.failures[0]}`);
            await disconnect(frontend);
          }
          return '600 frames';
        }),
    })),
    {
      id: 'stats',
      title: 'frames that were sent are counted',
      run: () =>
        withVif(subject, async ({ backend, connect, disconnect }) => {
          const frontend = await connect();
          await sendMany(frontend, 100);
          const { transmittedFrames, transmittedBytes } = backend.stats();
          must(transmittedFrames === 100, `${transmittedFrames} of 100 frames are counted`);
          await disconnect(frontend);
          return `${transmittedBytes} bytes`;
        }),
    },
    ...(probe === undefined
      ? []
      : [
          {
            id: 'answer',
            title: 'a frame that the network answers is answered, to every kind of frontend',
            run: async () => {
              for (const [, options] of WAYS)
                await withVif(subject, async ({ connect, disconnect }) => {
                  const frontend = await connect(options);
                  const { frame, isAnswer } = probe(PROBE_MAC);
                  frontend.send(frame);
                  await settle();
                  must(frontend.received.some(isAnswer), `${frontend.received.length} frames came, and none is the answer`);
                  await disconnect(frontend);
                });
              return `${WAYS.length} frontends`;
            },
          },
          {
            id: 'no room',
            title: 'a guest without room for frames gets them when it provides some, at least the first',
            run: () =>
              withVif(subject, async ({ connect, disconnect }) => {
                const frontend = await connect({ refill: false });
                const { frame, isAnswer } = probe(PROBE_MAC);
                for (let i = 0; i < 3; i++) frontend.send(frame);
                await settle();
                must(frontend.received.length === 0, 'a frame came without room for it');
                for (let i = 0; i < 3; i++) {
                  frontend.provide(1);
                  await settle();
                  must(frontend.received.length === i + 1, `${frontend.received.length} frames came after room for ${i + 1}`);
                }
                must(frontend.received.every(isAnswer), 'what came is not the answer');
                await disconnect(frontend);
                return '3 frames';
              }),
          },
        ]),
  ];
}

async function sendMany(frontend: NetworkFrontend, count: number): Promise<void> {
  const queues = frontend.queues.length;
  for (let i = 0; i < count; i++) {
    frontend.send(broadcastFrame(60 + ((i * 37) % 1455)), { slotBytes: i % 3 === 0 ? 600 : 4096 }, i % queues);
    if (i % 50 === 49) await settle();
  }
  await settle();
  must(frontend.statuses.length >= count, () => `${frontend.statuses.length} answers to ${count} frames`);
  must(
    frontend.statuses.every((status) => status === 0),
    'a good frame was answered with an error',
  );
}
