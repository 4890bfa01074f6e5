import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Domain, Hypervisor } from '#runtime';

/** What a hostile guest goes against. */
export const ATTACKS = ['hypercalls', 'console', 'store', 'block', 'net'] as const;
export type Attack = (typeof ATTACKS)[number];
export const LAYOUTS = ['i386', 'amd64'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** What the guest is to do. */
export interface AttackPlan {
  readonly attack: Attack;
  readonly layout: Layout;
  /** Hypercalls, messages, requests or rounds, over as many lives as it takes. */
  readonly steps: number;
  readonly seed: number;
  /** Of `net`. */
  readonly vif?: string;
}

/** What came of it. */
export interface AttackResult {
  steps: number;
  lives: number;
  /** Lives by how they ended: `done`, `stuck`, `fault`, or as the hypervisor says. */
  readonly endings: Record<string, number>;
  /** Connections that the guest made anew. */
  renewed: number;
  /** Hypercalls by number: success, EFAULT, ENOSYS, other errors. */
  readonly answers: Record<number, number[]>;
}

const REPORT = 0x300000;
const At = { steps: 0, ending: 4, renewed: 16, check: 24, answers: 32 } as const;
const HYPERCALLS = 64;
const ENDINGS = ['', 'done', 'stuck', 'fault'];
const MEMORY_MIB = 8;
const LOOK_MS = 20;
/** A guest that gets no further has hurt itself, and begins anew with another seed. */
const PATIENCE_MS = 3000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const image = (layout: Layout): Uint8Array => readFileSync(join(import.meta.dirname, '../guest/hostile/images', `hostile-${layout}.elf`));

/** The guest's report, in its memory. */
function reportOf(domain: Domain): DataView {
  const bytes = domain.life?.state.ram.bytes;
  if (bytes === undefined) throw new Error('the domain has no life');
  return new DataView(bytes.buffer, bytes.byteOffset + REPORT, At.answers + 16 * HYPERCALLS);
}

/** A domain that sums a megabyte again and again, and ends itself if the sum is ever another. */
export class Neighbour {
  readonly domain: Domain;
  readonly #report: DataView;
  ending: string | undefined;

  private constructor(domain: Domain) {
    this.domain = domain;
    this.#report = reportOf(domain);
    void domain.ended.then(({ reason }) => {
      this.ending = reason;
    });
  }

  static async create(hypervisor: Hypervisor): Promise<Neighbour> {
    return new Neighbour(await hypervisor.createDomain({ name: 'neighbour', kernel: image('amd64'), memory: MEMORY_MIB, extra: 'seed=1' }));
  }

  /** How often it has summed. */
  get rounds(): number {
    return this.#report.getUint32(At.steps, true);
  }
}

/** Runs hostile guests one after the other until they have done all steps. */
export async function runAttack(hypervisor: Hypervisor, plan: AttackPlan, onLook: () => void = () => undefined): Promise<AttackResult> {
  const { attack, layout, steps, seed, vif = 'bridge=xenbr0' } = plan;
  const result: AttackResult = { steps: 0, lives: 0, endings: {}, renewed: 0, answers: {} };
  const kernel = image(layout);
  while (result.steps < steps) {
    const domain = await hypervisor.createDomain({
      name: `hostile-${attack}-${layout}-${seed}`,
      kernel,
      memory: MEMORY_MIB,
      extra: `attack=${attack} seed=${seed + result.lives} steps=${steps - result.steps}`,
      on_crash: 'destroy',
      on_reboot: 'destroy',
      ...(attack === 'block' ? { disk: ['memory:1M,xvda,w'] } : {}),
      ...(attack === 'net' ? { vif: [vif] } : {}),
    });
    // nobody reads what it writes
    domain.console.resume();
    const report = reportOf(domain);
    const reason = await watch(domain, report, onLook);
    result.lives++;
    count(result, report, reason, steps - result.steps);
  }
  return result;
}

async function watch(domain: Domain, report: DataView, onLook: () => void): Promise<string> {
  let reason: string | undefined;
  void domain.ended.then((end) => {
    reason = end.error?.message ?? end.reason;
  });
  let seen = -1;
  let since = performance.now();
  while (reason === undefined) {
    await sleep(LOOK_MS);
    onLook();
    const now = report.getUint32(At.steps, true);
    if (now !== seen) [seen, since] = [now, performance.now()];
    else if (performance.now() - since > PATIENCE_MS) {
      await domain.destroy();
      reason = 'no further';
    }
  }
  return reason;
}

function count(result: AttackResult, report: DataView, reason: string, asked: number): void {
  const steps = report.getUint32(At.steps, true);
  // A hypercall may have hit the report or the guest's own count: such a life does not count.
  if (report.getUint32(At.check, true) !== ~steps >>> 0 || steps > asked) {
    result.endings['report lost'] = (result.endings['report lost'] ?? 0) + 1;
    return;
  }
  const ending = ENDINGS[report.getUint32(At.ending, true)] || reason;
  result.endings[ending] = (result.endings[ending] ?? 0) + 1;
  result.steps += steps;
  // What else stands in the report may have been hit as well.
  const renewed = report.getUint32(At.renewed, true);
  if (renewed <= steps) result.renewed += renewed;
  for (let number = 0; number < HYPERCALLS; number++) {
    const answers = [0, 4, 8, 12].map((at) => report.getUint32(At.answers + 16 * number + at, true));
    const sum = result.answers[number] ?? [0, 0, 0, 0];
    const isSound = answers.every((n) => n <= steps);
    if (isSound && answers.some((n) => n > 0)) result.answers[number] = sum.map((n, i) => n + (answers[i] ?? 0));
  }
}
