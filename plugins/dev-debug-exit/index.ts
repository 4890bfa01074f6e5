import { definePlugin, type Plugin } from '#sdk';
import { createDebugExit } from './debug-exit.ts';
import { type DebugExitOptions, debugExitSchema } from './options.ts';

/** Lets a guest end the run with an exit code of its choice. */
export const debugExit: Plugin<DebugExitOptions> = definePlugin({
  name: 'dev-debug-exit',
  apiVersion: 1,
  options: debugExitSchema,
  applyPcpu({ hooks }, { port, width }) {
    hooks.platformCreated.tap('dev-debug-exit', (platform) => {
      platform.ports.map(
        port,
        width,
        createDebugExit((code) => platform.exit(code)),
      );
    });
  },
});
