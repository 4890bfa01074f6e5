import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// usage: package-manifest.ts publish|restore, by npm's prepack and postpack

const manifest = join(import.meta.dirname, '../package.json');
const kept = join(import.meta.dirname, '../build/package.json.kept');

/** Fields that serve this repository only. The pinned Node would else be linked into every project that installs us. */
const OURS = ['optionalDependencies', 'devDependencies'];

if (process.argv[2] === 'publish') {
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(kept, text);
  const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
  writeFileSync(manifest, `${JSON.stringify(Object.fromEntries(entries.filter(([name]) => !OURS.includes(name))), null, 2)}\n`);
} else {
  writeFileSync(manifest, readFileSync(kept));
  rmSync(kept);
}
