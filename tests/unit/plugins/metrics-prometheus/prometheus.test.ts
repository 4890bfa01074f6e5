import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { applyToMain, type HypervisorStats, observerSuite, sampleStats } from '#sdk';
import { metricsPrometheus } from '../../../../plugins/metrics-prometheus/index.ts';
import { createRegistry } from '../../../../plugins/metrics-prometheus/prometheus.ts';
import { serveMetrics } from '../../../../plugins/metrics-prometheus/serve-metrics.ts';

const host = '127.0.0.1';

describe('metrics-prometheus', () => {
  const suite = observerSuite({ plugin: metricsPrometheus, options: () => ({ port: 0, host }) });

  it.each(suite.map((one) => [one.id, one.title, one] as const))('%s: %s', async (_id, _title, { run }) => {
    expect(await run()).not.toBe('');
  });

  it('serves the latest counts, without domains that are gone', async () => {
    let stats: HypervisorStats | undefined;
    const server = await serveMetrics(await createRegistry(() => stats), { port: 0, host });
    const get = async (path = '/metrics', method = 'GET'): Promise<Response> => fetch(`http://${host}:${server.port}${path}`, { method });
    try {
      expect(await (await get()).text()).not.toMatch(/domain=|pcpu=/);
      stats = sampleStats(2);
      const response = await get();
      const text = await response.text();
      expect(response.headers.get('content-type')).toContain('text/plain');
      for (const line of [
        'xylem_uptime_seconds 4',
        '# TYPE xylem_domains gauge',
        'xylem_domains 2',
        '# TYPE xylem_domain_cpu_seconds_total counter',
        'xylem_domain_cpu_seconds_total{domain="guest-2"} 3',
        'xylem_domain_memory_bytes{domain="guest-1"} 67108864',
        'xylem_device_count_total{domain="guest-1",device="vbd-51712",count="readRequests"} 7',
        'xylem_pcpu_busy{pcpu="0"} 1',
        'xylem_pcpu_busy{pcpu="1"} 0',
      ]) {
        expect(text.split('\n')).toContain(line);
      }
      stats = sampleStats(1);
      expect(await (await get()).text()).not.toContain('guest-2');
      expect((await get('/')).status).toBe(404);
      expect((await get('/metrics', 'POST')).status).toBe(404);
    } finally {
      await server.close();
    }
  });

  it('says so when the port is taken', async () => {
    const other = createServer().listen(0, host);
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const hooks = applyToMain(metricsPrometheus, { port, host });
    await expect(hooks.booted.promise()).rejects.toMatchObject({ code: 'HV_ERR_PLUGIN_PORT', message: expect.stringContaining(`port ${port}: EADDRINUSE`) });
    await hooks.shutdown.promise({ reason: 'stopped', exitCode: 0 });
    other.close();
  });
});
