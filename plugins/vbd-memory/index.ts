import { type BackendPlugin, defineBlockBackend } from '#sdk';
import { MemoryStore, parseSize } from './memory.ts';
import { type MemoryOptions, memorySchema } from './options.ts';

/** Keeps the data of VBDs in memory, for as long as the domain lives. */
export const vbdMemory: BackendPlugin<MemoryOptions> = defineBlockBackend({
  name: 'vbd-memory',
  backend: 'memory',
  options: memorySchema,
  create: (_host, { limitMib }) => ({
    open: ({ params, readOnly }) => new MemoryStore(parseSize(params, limitMib), readOnly),
  }),
});
