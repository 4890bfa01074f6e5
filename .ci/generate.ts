import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './generated-files.ts';

// usage: npm run generate
for (const [path, generate] of Object.entries(generatedFiles)) {
  writeFileSync(join(import.meta.dirname, '..', path), generate());
  console.log(path);
}
