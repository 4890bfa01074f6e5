import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command, CommanderError } from 'commander';
import { HypervisorError } from '#sdk';
import { describeError, exitCodeOf } from '../report-error.ts';
import { createPluginProject, type OwnPackage } from './create-plugin.ts';
import { PLUGIN_KINDS } from './plugin-kinds.ts';

/** Runs `xylem-plugin` and returns the exit code of the process. */
export function runPluginProgram(words: readonly string[]): number {
  try {
    program().parse(words, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help')) return error.exitCode === 0 ? 0 : 2;
    const shown =
      error instanceof CommanderError
        ? new HypervisorError('HV_ERR_CLI_USAGE', error.message.replace(/^error: /, ''), { hint: 'write xylem-plugin create NAME --kind KIND', cause: error })
        : error;
    process.stderr.write(`xylem-plugin: ${describeError(shown)}\n`);
    return exitCodeOf(shown);
  }
}

function program(): Command {
  const command = new Command('xylem-plugin')
    .description('writes plugins for Xylem')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  const kinds = Object.keys(PLUGIN_KINDS).join(', ');
  const create = command.command('create <name>').description('write a plugin project that works, with tests, into a folder of that name');
  create.copyInheritedSettings(command).allowExcessArguments(false);
  create.requiredOption('--kind <kind>', `what it is to be: ${kinds}`).action((name: string, { kind }: { kind: string }) => {
    const folder = createPluginProject({ name, kind, directory: process.cwd() }, ownPackage());
    process.stdout.write(`${relative(process.cwd(), folder)} is written; "npm test" there runs its tests, and its README.md says how it is used\n`);
  });
  return command;
}

/** We are three folders below the package, in the sources, and four in what is built. */
function ownPackage(): OwnPackage {
  for (const up of ['../../..', '../../../..']) {
    const folder = join(import.meta.dirname, up);
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string; version: string };
      return { name, version, folder };
    } catch {
      // It is the other one.
    }
  }
  throw new Error('the package of xylem-plugin has no package.json');
}
