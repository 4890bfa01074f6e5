import { integerOption, type OptionSchema, type PluginOption, textOption } from '#sdk';

/** Options of the metrics. */
export interface PrometheusOptions {
  /** The TCP port; 0 for any. */
  readonly port: number;
  /** The address that is listened on. */
  readonly host: string;
}

/** The options when nothing is said. */
export const prometheusDefaults: PrometheusOptions = Object.freeze({ port: 9464, host: '127.0.0.1' });

const host = textOption({ summary: 'address that is listened on', expected: 'an address of this host' });

/** How the options are written. */
export const prometheusSchema: OptionSchema<PrometheusOptions> = {
  port: integerOption({ summary: 'TCP port, 0 for any', default: prometheusDefaults.port, min: 0, max: 65_535 }),
  host: { ...host, default: prometheusDefaults.host } as PluginOption<string>,
};
