import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Plugin } from '#sdk';
import { checkSource } from '../../runtime/plugin/source/check-source.ts';
import { files, read, root } from './repository.ts';

const names = [...new Set(files.filter((path) => path.startsWith('plugins/') && path.split('/').length > 2).map((path) => path.split('/')[1] as string))];

describe('plugins', () => {
  it('are there', () => {
    expect(names.length).toBeGreaterThan(0);
  });

  describe.each(names)('%s', (name) => {
    const subject = name.slice(name.indexOf('-') + 1);

    it('has its four files', () => {
      const present = files.filter((path) => path.startsWith(`plugins/${name}/`));
      for (const file of ['index.ts', `${subject}.ts`, 'options.ts', 'README.md']) expect(present).toContain(`plugins/${name}/${file}`);
    });

    it('is called like its folder and describes its options', async () => {
      const module: Record<string, unknown> = await import(join(root, 'plugins', name, 'index.ts'));
      const plugins = Object.values(module).filter((value): value is Plugin => typeof value === 'object' && value !== null && 'apiVersion' in value);
      expect(plugins.map((plugin) => plugin.name)).toEqual([name]);
      const readme = read(`plugins/${name}/README.md`);
      for (const option of Object.keys(plugins[0]?.options ?? {})) expect(readme).toContain(`\`${option}\``);
    });

    it('declares what it uses', async () => {
      const folder = join(root, 'plugins', name);
      const source = { name, module: pathToFileURL(join(folder, 'index.ts')), folder, free: ['#sdk'] };
      const module: Record<string, unknown> = await import(join(folder, 'index.ts'));
      const [plugin] = Object.values(module).filter((value): value is Plugin => typeof value === 'object' && value !== null && 'apiVersion' in value);
      expect([...checkSource(source)]).toEqual([...(plugin?.capabilities ?? [])]);
    });

    it('has a test', () => {
      const tests = files.filter((path) => /^tests\/(?!house\/).*\.test\.ts$/.test(path));
      expect(tests.some((path) => path.includes(subject) || read(path).includes(name))).toBe(true);
    });
  });
});
