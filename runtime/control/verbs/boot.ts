import { Argument, type Command } from 'commander';
import { choiceOf } from '../option-values.ts';
import { type ReadyGuest, readyGuest, readyGuests } from '../guest.ts';
import { addMachineOptions, type MachineOptions } from '../run-options.ts';
import { runGuest } from './run.ts';

/** Shorter names. */
const ALIASES: Readonly<Record<string, ReadyGuest>> = { amd64: 'debian-amd64', i386: 'debian-i386' };

/** Adds the verb `boot`: a guest that needs no files of the operator's. */
export function addBootVerb(program: Command, finish: (exitCode: number) => void): void {
  const choose = choiceOf<ReadyGuest>('boot', readyGuests);
  const guest = new Argument('[guest]', `one of ${readyGuests.join(', ')}`).argParser((text: string) => ALIASES[text] ?? choose(text)).default('debian-amd64');
  const command = program.command('boot').description("boot Debian's own kernel to a shell, fetched with apt; or the small guest that comes with Xylem");
  addMachineOptions(command.addArgument(guest)).action(async (name: ReadyGuest, options: MachineOptions) => {
    finish(await runGuest(options, () => readyGuest(name, options)));
  });
}
