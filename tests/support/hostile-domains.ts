import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createHypervisor } from '#runtime';
import { ATTACKS, type Attack, type AttackPlan, LAYOUTS, Neighbour, runAttack } from './hostile-guest.ts';

/**
 * Hostile guests beside a domain that sums: what they cost, what became of them, and whether the host grows.
 *
 *     node --expose-gc --conditions=source tests/support/hostile-domains.ts [ATTACK=STEPS...] [seed=N]
 *
 * Without words: ten million hypercalls, a million messages and requests each. Exit code 1 when the neighbour noticed, or the
 * host's memory grew by more than 5 % after some dozen lives, from the first three tenths to the last.
 */
const STEPS: Record<Attack, number> = { hypercalls: 10_000_000, console: 1_000_000, store: 1_000_000, block: 1_000_000, net: 1_000_000 };
const words = new Map(process.argv.slice(2).map((word) => word.split('=') as [string, string]));
const seed = Number(words.get('seed') ?? 1);
words.delete('seed');

const MIB = 2 ** 20;
const TENTHS = 10;
/** Lives before the host's memory is looked at: V8 compiles and keeps more of our own code over the first dozens. */
const WARM_LIVES = 40;
const WARM_PART = 1000;
let isFine = true;

for (const attack of ATTACKS) {
  const steps = words.size === 0 ? STEPS[attack] : Number(words.get(attack) ?? 0);
  if (steps === 0) continue;
  // Over a switch two of them talk to each other.
  if (attack === 'net') await run({ attack, layout: 'amd64', steps: steps / 2, seed }, { attack, layout: 'i386', steps: steps / 2, seed: seed + 500 });
  const vif = attack === 'net' ? { vif: 'backend=user' } : {};
  for (const layout of LAYOUTS) await run({ attack, layout, steps, seed, ...vif });
}
process.exitCode = isFine ? 0 : 1;

/** The median of three: V8 takes and gives some 20 MiB at any moment. */
function middle(sizes: readonly number[]): number {
  return [...sizes].sort((a, b) => a - b)[1] ?? 0;
}

async function run(...plans: readonly AttackPlan[]): Promise<void> {
  const warnings: string[] = [];
  const logged = new Map<string, number>();
  await using hypervisor = await createHypervisor({
    pcpus: 2,
    plugins: [{ name: 'vif-user', options: { restrict: true } }],
    log: (message) => {
      const kind = message.replace(/\d+/g, 'N').slice(0, 120);
      if (logged.size < 200 || logged.has(kind)) logged.set(kind, (logged.get(kind) ?? 0) + 1);
    },
  });
  hypervisor.on('warning', ({ message }) => warnings.push(message));
  const neighbour = await Neighbour.create(hypervisor);
  const [first] = plans;
  for (let i = 0; first !== undefined && i < WARM_LIVES; i++)
    await runAttack(hypervisor, { ...first, steps: first.steps / WARM_PART, seed: first.seed + 100_000 * (i + 1) });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const begun = performance.now();
  const sizes: number[] = [];
  const total = { steps: 0, lives: 0, renewed: 0, endings: {} as Record<string, number> };
  const answers: Record<string, number[]> = {};
  let slowest = 0;
  let last = { rounds: neighbour.rounds, at: performance.now() };
  const look = (): void => {
    if (neighbour.rounds !== last.rounds) last = { rounds: neighbour.rounds, at: performance.now() };
    slowest = Math.max(slowest, performance.now() - last.at);
  };
  for (let tenth = 0; tenth < TENTHS; tenth++) {
    const runs = plans.map((plan) => runAttack(hypervisor, { ...plan, steps: plan.steps / TENTHS, seed: plan.seed + 1000 * tenth }, look));
    for (const result of await Promise.all(runs)) {
      total.steps += result.steps;
      total.lives += result.lives;
      total.renewed += result.renewed;
      for (const [key, n] of Object.entries(result.endings)) total.endings[key] = (total.endings[key] ?? 0) + n;
      for (const [key, list] of Object.entries(result.answers)) answers[key] = list.map((n, i) => n + (answers[key]?.[i] ?? 0));
    }
    globalThis.gc?.();
    sizes.push(process.memoryUsage.rss() / MIB);
  }
  const growth = middle(sizes.slice(-3)) / middle(sizes.slice(0, 3)) - 1;
  const seconds = (performance.now() - begun) / 1000;
  const title = plans.map(({ attack, layout, vif }) => [attack, layout, vif].filter((part) => part !== undefined).join(' ')).join(' and ');
  console.log(`${title}: ${total.steps} steps, ${seconds.toFixed(0)} s, ${total.lives} lives ${JSON.stringify(total.endings)}, ${total.renewed} connections`);
  console.log(
    `  neighbour: ${neighbour.ending ?? 'goes on'}, ${neighbour.rounds} sums, longest pause ${slowest.toFixed(0)} ms; main thread p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms, most ${(delay.max / 1e6).toFixed(0)} ms`,
  );
  console.log(`  host memory: ${sizes.map((size) => size.toFixed(0)).join(' ')} MiB, ${(100 * growth).toFixed(1)} % more`);
  if (Object.keys(answers).length > 0) console.log(`  answers (success, EFAULT, ENOSYS, other): ${JSON.stringify(answers)}`);
  for (const warning of new Set(warnings)) console.log(`  warning: ${warning}`);
  for (const [kind, n] of [...logged].sort((a, b) => b[1] - a[1]).slice(0, 12)) console.log(`  log ${n} times: ${kind}`);
  if (neighbour.ending !== undefined || growth > 0.05 || warnings.length > 0) isFine = false;
}
