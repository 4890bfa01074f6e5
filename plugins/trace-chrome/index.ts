import { definePlugin, type Plugin } from '#sdk';
import { ChromeTrace } from './chrome.ts';
import { type ChromeTraceOptions, chromeTraceSchema } from './options.ts';

/** Writes what vCPUs and pCPUs do as a trace that Chrome and Perfetto show. */
export const traceChrome: Plugin<ChromeTraceOptions> = definePlugin({
  name: 'trace-chrome',
  apiVersion: 1,
  capabilities: ['files'],
  options: chromeTraceSchema,
  apply({ hooks }, { file }) {
    let trace: ChromeTrace | undefined;
    const its = (): ChromeTrace => {
      trace ??= new ChromeTrace(file);
      return trace;
    };
    hooks.booted.tapPromise('trace-chrome', () => its().open());
    hooks.traced.tap('trace-chrome', (record) => its().add(record));
    hooks.shutdown.tapPromise('trace-chrome', () => its().close());
  },
});
