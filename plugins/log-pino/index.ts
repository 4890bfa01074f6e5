import { definePlugin, type Plugin } from '#sdk';
import { type PinoOptions, pinoSchema } from './options.ts';
import { PinoLog } from './pino.ts';

/** Writes messages of a hypervisor as lines of JSON. */
export const logPino: Plugin<PinoOptions> = definePlugin({
  name: 'log-pino',
  apiVersion: 1,
  capabilities: ['packages'],
  options: pinoSchema,
  apply({ hooks }, options) {
    let log: PinoLog | undefined;
    const its = (): PinoLog => {
      log ??= new PinoLog(options);
      return log;
    };
    hooks.logged.tap('log-pino', (record) => its().write(record));
    hooks.booted.tapPromise('log-pino', () => its().open());
    hooks.shutdown.tapPromise('log-pino', () => its().close());
  },
});
