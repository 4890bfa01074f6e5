import { describe, expect, it } from 'vitest';
import { createHypervisor } from '#runtime';
import { checkingGuest, COUNT_AT } from '../support/checking-guest.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { stirDomains } from '../support/stir-domains.ts';

const SECONDS = 20;

describe('the guest that checks itself', () => {
  it('crashes when another counts in its memory', async () => {
    await using hypervisor = await createHypervisor({ pcpus: 1 });
    const domain = await hypervisor.createDomain({ name: 'checking', kernel: checkingGuest(), memory: 4 });
    const view = domain.life?.state.ram.view;
    const count = (): number => view?.getUint32(COUNT_AT, true) ?? 0;
    while (count() < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(domain.state).toBe('r-----');
    view?.setUint32(COUNT_AT, 7, true);
    expect((await domain.ended).reason).toBe('crash');
  });
});

describe('domains that are moved, paused, weighed, created and destroyed at random under changing schedulers', async () => {
  const debian = await debianFiles('amd64');

  it.each([2, 3])('go on as they were, each vCPU in one place at a time, on %i pCPUs', async (pcpus) => {
    const { done, complaints, debianRounds } = await stirDomains({
      seconds: SECONDS / 2,
      pcpus,
      seed: pcpus,
      ...('missing' in debian || pcpus === 3 ? {} : { debian }),
    });
    expect(complaints).toEqual([]);
    for (const what of ['pin', 'pause', 'swap', 'weigh', 'create', 'destroy']) expect(done[what], what).toBeGreaterThan(10);
    if (!('missing' in debian) && pcpus === 2) expect(debianRounds).toBeGreaterThan(0);
  });
});
