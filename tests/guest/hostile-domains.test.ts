import { describe, expect, it } from 'vitest';
import { createHypervisor } from '#runtime';
import { ATTACKS, type Attack, LAYOUTS, Neighbour, runAttack } from '../support/hostile-guest.ts';

/** What takes a second or so; `tests/support/hostile-domains.ts` goes on for longer. */
const STEPS: Readonly<Record<Attack, number>> = { hypercalls: 60_000, console: 4000, store: 4000, block: 8000, net: 4000 };
/** Hypercalls that random arguments must have got right now and then. */
const SERVED = [12, 15, 17, 18, 20, 24, 29, 32, 34] as const;

describe.each(ATTACKS)('a guest that is hostile with %s', (attack) => {
  it.each(LAYOUTS)('of %s hurts itself only', async (layout) => {
    const warnings: string[] = [];
    await using hypervisor = await createHypervisor({ pcpus: 2, plugins: [{ name: 'vif-user', options: { restrict: true } }] });
    hypervisor.on('warning', ({ message }) => warnings.push(message));
    const neighbour = await Neighbour.create(hypervisor);
    const before = neighbour.rounds;
    const result = await runAttack(hypervisor, { attack, layout, steps: STEPS[attack], seed: 1, ...(layout === 'i386' ? { vif: 'backend=user' } : {}) });
    expect(result.steps).toBeGreaterThanOrEqual(STEPS[attack]);
    expect(result.endings['done']).toBe(1);
    expect(neighbour.ending).toBeUndefined();
    expect(neighbour.rounds).toBeGreaterThan(before);
    expect(warnings).toEqual([]);
    if (attack === 'hypercalls') for (const number of SERVED) expect(result.answers[number]?.[0], `hypercall ${number}`).toBeGreaterThan(0);
    if (attack === 'block' || attack === 'net') expect(result.renewed).toBeGreaterThan(1);
  });
});
