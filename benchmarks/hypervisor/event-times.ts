import type { Domain } from '#runtime';
import { hostNow } from '../../runtime/machine/clock.ts';
import { sleep } from './figure.ts';
import { ANSWERED_AT } from './guests.ts';

/** How long events took, in microseconds. */
export interface EventTimes {
  /** To the interrupt handler of the guest. */
  readonly there: readonly number[];
  /** To its answer. */
  readonly back: readonly number[];
}

/** Sends events to a guest that answers each, one after the other. */
export async function eventTimes({ life, console }: Domain, count: number): Promise<EventTimes> {
  if (life === undefined) throw new Error('the guest has ended');
  const there: number[] = [];
  const back: number[] = [];
  for (let i = 0; i < count; i++) {
    await sleep(1);
    const startNs = hostNow() - life.startNs;
    const start = performance.now();
    const answer = new Promise<void>((resolve) => {
      life.onConsole = resolve;
    });
    console.write('x');
    await answer;
    back.push((performance.now() - start) * 1000);
    there.push(((life.state.ram.view.getUint32(ANSWERED_AT, true) - startNs) >>> 0) / 1000);
  }
  return { there, back };
}
