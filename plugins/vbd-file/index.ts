import { type BackendPlugin, defineBlockBackend } from '#sdk';
import { createFileProvider } from './file.ts';
import { type FileOptions, fileSchema } from './options.ts';

/** Keeps the data of VBDs in files. */
export const vbdFile: BackendPlugin<FileOptions> = defineBlockBackend({
  name: 'vbd-file',
  capabilities: ['files', 'process'],
  backend: 'file',
  options: fileSchema,
  create: (_host, options) => createFileProvider(options),
});
