import { must } from '../scheduler/measure.ts';
import type { SeededRandom } from '../scheduler/random.ts';

/** One property of the suite. */
export interface BackendConformanceCase {
  /** A word for it. */
  readonly id: string;
  /** What holds, as a sentence. */
  readonly title: string;
  /**
   * Runs it, and returns what was measured.
   * @throws ConformanceFailure when the property does not hold
   */
  run(): Promise<string>;
}

/** Bytes that depend on the random numbers only. */
export function randomBytes(random: SeededRandom, length: number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => random.integer(0, 0xffff_ffff));
  return new Uint8Array(words.buffer).subarray(0, length);
}

/** Holds two runs of bytes to be the same. */
export function mustEqual(seen: Uint8Array | number, expected: Uint8Array, what: string): void {
  must(typeof seen !== 'number', () => `${what} was answered with status ${seen}`);
  const at = seen.findIndex((byte, i) => byte !== expected[i]);
  must(seen.length === expected.length && at < 0, () => `${what}: byte ${at} is ${seen[at]}, and not ${expected[at]}`);
}

/** Fails when a promise is not kept in time: a lost event shows as silence. */
export async function inTime<T>(work: Promise<T>, what: string, seconds = 20): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
