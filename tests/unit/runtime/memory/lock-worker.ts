import { parentPort, workerData } from 'node:worker_threads';
import { DomainLock } from '../../../../runtime/memory/domain-lock.ts';

/** Adds to a number that is no atomic, under the lock that guards it. */
const { memory, rounds } = workerData as { memory: SharedArrayBuffer; rounds: number };
const words = new Int32Array(memory);
const lock = new DomainLock(words, 0);
for (let i = 0; i < rounds; i++) {
  lock.with(() => {
    const before = words[1] ?? 0;
    for (let spin = 0; spin < 20; spin++) words[2] = spin;
    words[1] = before + 1;
  });
}
parentPort?.postMessage('done');
