import { definePlugin, type Plugin } from '#sdk';
import { createDebugConsole } from './debug-console.ts';
import { type DebugConsoleOptions, debugConsoleSchema } from './options.ts';

/** Gives a guest a console without a driver: bytes to one port. */
export const debugConsole: Plugin<DebugConsoleOptions> = definePlugin({
  name: 'dev-debug-console',
  apiVersion: 1,
  options: debugConsoleSchema,
  applyPcpu({ hooks }, { port, file, hex }) {
    hooks.platformCreated.tap('dev-debug-console', ({ ports, outputs }) => {
      ports.map(port, 1, createDebugConsole(file === null ? outputs.stdout : outputs.openFile(file), hex));
    });
  },
});
