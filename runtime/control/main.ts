import { Command, CommanderError } from 'commander';
import { HypervisorError } from '#sdk';
import { exitCodeOf, reportError } from './report-error.ts';
import { addBootVerb } from './verbs/boot.ts';
import { addRunVerb } from './verbs/run.ts';

/** Runs the command line and ends the process with its exit code. */
export async function main(words: readonly string[]): Promise<void> {
  const debug = words.includes('--debug');
  let exitCode = 0;
  const crash = (error: unknown): void => {
    reportError(error, debug);
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  try {
    await createProgram((code) => (exitCode = code)).parseAsync(words, { from: 'user' });
  } catch (error) {
    exitCode = afterParsing(error, debug);
  }
  // Threads that are still going down are not waited for.
  process.exit(exitCode);
}

/** The command line: one verb a file. */
export function createProgram(finish: (exitCode: number) => void): Command {
  const program = new Command('xm');
  program
    .description('Xylem: x86 guests on plain Node.js')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError()
    .enablePositionalOptions();
  addRunVerb(program, finish);
  addBootVerb(program, finish);
  for (const command of program.commands) command.copyInheritedSettings(program).allowExcessArguments(false);
  return program;
}

/** Commander ends by throwing, also after `--help`. */
function afterParsing(error: unknown, debug: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? 0 : 2;
    const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    const usage = new HypervisorError('HV_ERR_CLI_USAGE', message, { hint: '"xm --help" and "xm run --help" list what there is', cause: error });
    reportError(usage, debug);
    return exitCodeOf(usage);
  }
  reportError(error, debug);
  return exitCodeOf(error);
}
