import type { DomainStats, HypervisorStats } from '#sdk';
import { hostNow } from '../machine/clock.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Domain } from './domain.ts';
import type { PcpuLink } from './pcpu-link.ts';

/** What is counted together. */
export interface StatsSources {
  readonly startNs: number;
  readonly domainsCreated: number;
  readonly dispatcher: Dispatcher;
  readonly links: readonly PcpuLink[];
  readonly domains: readonly Domain[];
}

/** What a hypervisor has counted until now. */
export function collectStats({ startNs, domainsCreated, dispatcher, links, domains }: StatsSources): HypervisorStats {
  const atNs = hostNow();
  return {
    atNs,
    uptimeNs: atNs - startNs,
    scheduler: dispatcher.slot.name,
    domainsCreated,
    pcpus: links.map(({ pcpu, heartbeat }) => ({
      pcpu,
      current: dispatcher.slot.currentOf(pcpu) ?? undefined,
      orders: dispatcher.ordersOf(pcpu),
      heartbeat,
    })),
    domains: domains.map((domain) => domainStats(domain, dispatcher)),
  };
}

function domainStats(domain: Domain, dispatcher: Dispatcher): DomainStats {
  const { id, name, state, memoryBytes, cpuTimeNs, scheduling, deviceStats } = domain;
  const vcpuTimesNs = (domain.life?.vcpus ?? []).map((vcpu) => dispatcher.cpuTimeNs(vcpu));
  return { id, name, state, memoryBytes, cpuTimeNs, vcpuTimesNs, scheduling, devices: deviceStats };
}
