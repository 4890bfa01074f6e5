import type { Registry } from 'prom-client';
import { type DomainStats, HypervisorError, type HypervisorStats } from '#sdk';

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is exported: its name, what it means, and its values. */
interface Metric {
  readonly name: string;
  readonly help: string;
  samples(stats: HypervisorStats): readonly Sample[];
}

const perDomain =
  (value: (domain: DomainStats) => number) =>
  ({ domains }: HypervisorStats): Sample[] =>
    domains.map((domain) => ({ labels: { domain: domain.name }, value: value(domain) }));
const alone =
  (value: (stats: HypervisorStats) => number) =>
  (stats: HypervisorStats): Sample[] => [{ labels: {}, value: value(stats) }];

const METRICS: readonly Metric[] = [
  { name: 'xylem_uptime_seconds', help: 'How long the hypervisor has run.', samples: alone(({ uptimeNs }) => uptimeNs / 1e9) },
  { name: 'xylem_domains', help: 'Domains that there are.', samples: alone(({ domains }) => domains.length) },
  { name: 'xylem_domains_created_total', help: 'Domains created so far.', samples: alone(({ domainsCreated }) => domainsCreated) },
  { name: 'xylem_domain_cpu_seconds_total', help: 'CPU time of a domain.', samples: perDomain(({ cpuTimeNs }) => cpuTimeNs / 1e9) },
  { name: 'xylem_domain_memory_bytes', help: 'Memory of a domain.', samples: perDomain(({ memoryBytes }) => memoryBytes) },
  { name: 'xylem_domain_vcpus', help: 'Number of vCPUs of a domain.', samples: perDomain(({ vcpuTimesNs }) => vcpuTimesNs.length) },
  { name: 'xylem_domain_running', help: 'Whether a vCPU of a domain runs.', samples: perDomain(({ state }) => (state.startsWith('r') ? 1 : 0)) },
  {
    name: 'xylem_device_count_total',
    help: 'What a device has counted, by the name of the count.',
    samples: ({ domains }) =>
      domains.flatMap(({ name, devices }) =>
        Object.entries(devices).flatMap(([device, counts]) =>
          Object.entries(counts).map(([count, value]) => ({ labels: { domain: name, device, count }, value })),
        ),
      ),
  },
  {
    name: 'xylem_pcpu_orders_total',
    help: 'Orders that a pCPU was given.',
    samples: ({ pcpus }) => pcpus.map(({ pcpu, orders }) => ({ labels: { pcpu: `${pcpu}` }, value: orders })),
  },
  {
    name: 'xylem_pcpu_busy',
    help: 'Whether a pCPU was ordered to run a vCPU.',
    samples: ({ pcpus }) => pcpus.map(({ pcpu, current }) => ({ labels: { pcpu: `${pcpu}` }, value: current === undefined ? 0 : 1 })),
  },
];

/**
 * A registry of prom-client whose metrics are made of the latest counts whenever somebody asks.
 *
 * @throws HypervisorError `HV_ERR_PLUGIN_PACKAGE` when prom-client is not installed
 */
export async function createRegistry(latest: () => HypervisorStats | undefined): Promise<Registry> {
  const { Counter, Gauge, Registry } = await loadPromClient();
  const registry = new Registry();
  for (const { name, help, samples } of METRICS) {
    const labelNames =
      { pcpu: ['pcpu'], domain: ['domain'], device: ['domain', 'device', 'count'] }[/^xylem_(pcpu|domain|device)_/.exec(name)?.[1] ?? ''] ?? [];
    const Kind = name.endsWith('_total') ? Counter : Gauge;
    const metric: InstanceType<typeof Kind> = new Kind({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: () => {
        // Domains that are gone leave nothing behind.
        metric.reset();
        const stats = latest();
        if (stats !== undefined) for (const { labels, value } of samples(stats)) metric.inc(labels, value);
      },
    });
  }
  return registry;
}

async function loadPromClient(): Promise<typeof import('prom-client')> {
  try {
    return await import('prom-client');
  } catch (cause) {
    throw new HypervisorError('HV_ERR_PLUGIN_PACKAGE', 'metrics-prometheus needs the package prom-client, which cannot be loaded', {
      hint: 'npm install prom-client',
      cause,
    });
  }
}
