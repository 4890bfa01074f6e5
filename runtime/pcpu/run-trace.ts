import type { ExitTraced } from '#sdk';
import { hostNow } from '../machine/clock.ts';

/** Domain, vCPU, when it entered guest code and left it, why. */
const FIELDS = 5;
const BATCH = 128;
/** A batch is sent after this much time even if it is not full. */
const PATIENCE_NS = 20e6;
const REASONS: readonly ExitTraced['reason'][] = ['budget', 'halt', 'end'];

/** Hot path: collects visits of vCPUs to guest code on a pCPU's thread, and sends them in batches. */
export class RunTrace {
  readonly #send: (runs: Float64Array) => void;
  #batch = new Float64Array(FIELDS * BATCH);
  #length = 0;
  #since = 0;

  constructor(send: (runs: Float64Array) => void) {
    this.#send = send;
  }

  /** A vCPU has left guest code just now. */
  add({ domid, vcpu }: { readonly domid: number; readonly vcpu: number }, fromNs: number, end: string): void {
    const atNs = hostNow();
    const reason = end === 'budget' ? 0 : end === 'halt' ? 1 : 2;
    if (this.#length === 0) this.#since = atNs;
    this.#batch.set([domid, vcpu, fromNs, atNs, reason], this.#length);
    this.#length += FIELDS;
    if (this.#length === this.#batch.length || atNs - this.#since > PATIENCE_NS) this.flush();
  }

  /** Sends what there is. */
  flush(): void {
    if (this.#length === 0) return;
    this.#send(this.#batch.slice(0, this.#length));
    this.#length = 0;
  }
}

/** The records of a batch. */
export function unpackRuns(pcpu: number, runs: Float64Array): ExitTraced[] {
  return Array.from({ length: runs.length / FIELDS }, (_, i): ExitTraced => {
    const [domid = 0, vcpu = 0, fromNs = 0, atNs = 0, reason = 0] = runs.subarray(i * FIELDS, (i + 1) * FIELDS);
    return { kind: 'exit', atNs, pcpu, domid, vcpu, fromNs, reason: REASONS[reason] ?? 'end' };
  });
}
