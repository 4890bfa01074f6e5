import { definePlugin, type HypervisorStats, type Plugin } from '#sdk';
import { type PrometheusOptions, prometheusSchema } from './options.ts';
import { createRegistry } from './prometheus.ts';
import { type MetricsServer, serveMetrics } from './serve-metrics.ts';

/** Serves what a hypervisor counts to Prometheus. */
export const metricsPrometheus: Plugin<PrometheusOptions> = definePlugin({
  name: 'metrics-prometheus',
  apiVersion: 1,
  capabilities: ['packages', 'network'],
  options: prometheusSchema,
  apply({ hooks }, options) {
    let latest: HypervisorStats | undefined;
    let server: MetricsServer | undefined;
    hooks.statsCollected.tap('metrics-prometheus', (stats) => {
      latest = stats;
    });
    hooks.booted.tapPromise('metrics-prometheus', async () => {
      server = await serveMetrics(await createRegistry(() => latest), options);
    });
    hooks.shutdown.tapPromise('metrics-prometheus', async () => server?.close());
  },
});
