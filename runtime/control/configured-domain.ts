import { basename } from 'node:path';
import { type DomainConfig, HypervisorError } from '#sdk';
import { readGuestFile } from '../hypervisor/read-guest-file.ts';
import type { RunOptions } from './run-options.ts';

/** A domain that a file describes. */
export interface ConfiguredDomain {
  readonly config: DomainConfig;
  /** What the configuration is called in messages. */
  readonly source: string;
}

/** Options that say what a file says. */
const SAID_BY_FILE = ['kernel', 'ramdisk', 'firmware', 'extra', 'memory', 'vcpus', 'machine'] as const;

/**
 * Reads the configuration of a domain as JSON. Its fields are checked when the domain is created; a name that is not
 * given is that of the file.
 */
export async function configuredDomain(path: string, options: RunOptions): Promise<ConfiguredDomain> {
  const twice = SAID_BY_FILE.find((name) => options[name] !== undefined) ?? (['disk', 'vif'] as const).find((name) => options[name].length > 0);
  if (twice !== undefined) {
    throw new HypervisorError('HV_ERR_CLI_OPTION', `--${twice} is given with the configuration ${path}`, { hint: `write ${twice} into the file` });
  }
  const source = basename(path);
  const text = new TextDecoder().decode(await readGuestFile(path, 'configuration', 'name a readable JSON file behind "xm run"'));
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new HypervisorError('HV_ERR_DOMAIN_CONFIG', `${path} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'write an object such as { "kernel": "vmlinuz", "memory": 256 }',
      cause,
    });
  }
  // Whatever it is, the hypervisor looks at every field of it.
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return { config: config as DomainConfig, source };
  return { config: { name: source.replace(/\.[^.]*$/, ''), ...config } as DomainConfig, source };
}
