import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HypervisorError } from '#sdk';
import type { PrometheusOptions } from './options.ts';

/** Metrics as text, and what kind of text. */
export interface MetricsText {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** A server that answers `GET /metrics`. */
export interface MetricsServer {
  /** The port that it got. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Begins to serve metrics.
 *
 * @throws HypervisorError `HV_ERR_PLUGIN_PORT` when the port cannot be had
 */
export async function serveMetrics(text: MetricsText, { port, host }: PrometheusOptions): Promise<MetricsServer> {
  const server: Server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404).end('only GET /metrics is here\n');
      return;
    }
    text.metrics().then(
      (body) => response.writeHead(200, { 'content-type': text.contentType }).end(body),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    );
  });
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    throw new HypervisorError(
      'HV_ERR_PLUGIN_PORT',
      `metrics cannot be served on ${host}, port ${port}: ${(cause as { code?: string }).code ?? String(cause)}`,
      {
        hint: 'choose another one with metrics-prometheus,port=NUMBER, or 0 for any',
        cause,
      },
    );
  }
  server.on('error', () => undefined);
  // It keeps no process alive.
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
