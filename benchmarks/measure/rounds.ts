import type { Peer } from '../peers/peer.ts';
import { Collection } from './collect.ts';
import type { PlannedJob } from './plan.ts';

/** What {@link measureRounds} runs. */
export interface RoundsRequest {
  readonly jobs: readonly PlannedJob[];
  readonly peers: readonly Peer[];
  readonly rounds: number;
  /** Told before each run. */
  readonly onProgress: (text: string) => void;
}

/**
 * Measures every job on every peer, round by round.
 *
 * Peers take turns at each job, and another one begins in each round, so that a host that grows
 * slower or faster in the course of the run does so for all of them.
 */
export async function measureRounds({ jobs, peers, rounds, onProgress }: RoundsRequest): Promise<Collection> {
  const collection = new Collection();
  for (let round = 0; round < rounds; round++) {
    const turn = round % Math.max(1, peers.length);
    const order = [...peers.slice(turn), ...peers.slice(0, turn)];
    for (const job of jobs) {
      for (const peer of order) {
        onProgress(`round ${round + 1}/${rounds}  ${job.id}  ${peer.name}`);
        await collection.run(job, peer);
      }
    }
  }
  return collection;
}
