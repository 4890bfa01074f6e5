import { basename } from 'node:path';
import { type CpioEntry, writeCpio } from './cpio.ts';
import type { TarMember } from './tar-member.ts';

/**
 * What a guest needs to use its VBDs and vifs. What a kernel has built in is not among the modules of its package, and
 * so is not missed.
 */
const WANTED: ReadonlySet<string> = new Set(['af_packet', 'crc16', 'crc32c_generic', 'ext4', 'jbd2', 'libcrc32c', 'mbcache', 'xen-blkfront', 'xen-netfront']);
const MODULE = /^(?:usr\/)?lib\/modules\/([^/]+)\/kernel\/.*\/([^/]+)\.ko$/;

/** Whether a file of a kernel's package is a module that our guests take with them. */
export function isGuestModule(path: string): boolean {
  return WANTED.has(MODULE.exec(path)?.[2] ?? '');
}

/** Makes an archive for the initramfs of modules, with what modprobe wants to know of them. */
export function packGuestModules(members: readonly TarMember[]): Uint8Array {
  const release = MODULE.exec(members[0]?.path ?? '')?.[1] ?? 'none';
  const home = `lib/modules/${release}`;
  const modules = members.map(({ path, data }) => ({ file: basename(path), data, facts: factsOf(data) }));
  const byName = new Map(modules.map((module) => [nameOf(module.file), module]));
  /** All that has to be there before, in an order in which it can be loaded. */
  const neededBy = (name: string, seen = new Set([name])): string[] => {
    const { depends, softPre } = byName.get(name)?.facts ?? { depends: [], softPre: [] };
    return [...depends, ...softPre].map(nameOf).flatMap((needed) => {
      if (!byName.has(needed) || seen.has(needed)) return [];
      seen.add(needed);
      return [...neededBy(needed, seen), needed];
    });
  };
  const dependencies = modules.map(({ file }) => {
    // modprobe begins at the end, and looks no further
    const files = neededBy(nameOf(file)).reverse();
    return `${file}: ${files.map((name) => byName.get(name)?.file).join(' ')}`.trimEnd();
  });
  const aliases = modules.flatMap(({ file, facts }) => facts.aliases.map((alias) => `alias ${alias} ${nameOf(file)}`));
  const text = (path: string, lines: readonly string[]): CpioEntry => ({ kind: 'file', path, data: new TextEncoder().encode(`${lines.join('\n')}\n`) });
  return writeCpio([
    ...['lib', 'lib/modules', home].map((path): CpioEntry => ({ kind: 'directory', path })),
    ...modules.map(({ file, data }): CpioEntry => ({ kind: 'file', path: `${home}/${file}`, data })),
    text(`${home}/modules.dep`, dependencies),
    text(`${home}/modules.alias`, aliases),
  ]);
}

interface ModuleFacts {
  readonly depends: readonly string[];
  readonly softPre: readonly string[];
  readonly aliases: readonly string[];
}

/** The tagged strings of the section `.modinfo`, which stand nowhere else in a module. */
function factsOf(module: Uint8Array): ModuleFacts {
  const text = Buffer.from(module.buffer, module.byteOffset, module.byteLength).toString('latin1');
  const all = (tag: string): string[] => [...text.matchAll(new RegExp(`(?<=\\0)${tag}=([^\\0]*)\\0`, 'g'))].map(([, value = '']) => value);
  return {
    depends: all('depends').flatMap((list) => list.split(',').filter((name) => name !== '')),
    softPre: all('softdep').flatMap((rule) => /^pre: (.*?)(?: post: .*)?$/.exec(rule)?.[1]?.split(' ') ?? []),
    aliases: all('alias').filter((alias) => !/\s/.test(alias)),
  };
}

/** Modules are called by names with underscores, whatever their files are called. */
function nameOf(file: string): string {
  return file.replace(/\.ko$/, '').replaceAll('-', '_');
}
