import { Argument, type Command } from 'commander';
import { type Guest, type ReadyGuest, readyGuest, readyGuests } from '../guest.ts';
import { homeDisk } from '../home-disk.ts';
import { choiceOf } from '../option-values.ts';
import { addMachineOptions, type MachineOptions } from '../run-options.ts';
import { runGuest } from './run.ts';

/** Shorter names. */
const ALIASES: Readonly<Record<string, ReadyGuest>> = { amd64: 'debian-amd64', i386: 'debian-i386' };
/** For a second guest that runs at the same time. */
const SPARE_DISK = ['memory:1G,xvda,w'];
/** Has the guest's init make a file system when there is none, and mount it. */
const MOUNT_DISK = 'xylem.disk=xvda';

/** Adds the verb `boot`: a guest that needs no files of the operator's. */
export function addBootVerb(program: Command, finish: (exitCode: number) => void): void {
  const choose = choiceOf<ReadyGuest>('boot', readyGuests);
  const guest = new Argument('[guest]', `one of ${readyGuests.join(', ')}`).argParser((text: string) => ALIASES[text] ?? choose(text)).default('debian-amd64');
  const command = program
    .command('boot')
    .description("boot Debian's own kernel to a shell, with a disk that is kept in the cache and the host's network; or the small guest that comes with Xylem");
  addMachineOptions(command.addArgument(guest)).action(async (name: ReadyGuest, options: MachineOptions) => {
    finish(await runGuest(options, () => bootGuest(name, options)));
  });
}

/** The guest, with a disk and a vif unless the operator said what it is to have. */
async function bootGuest(name: ReadyGuest, options: MachineOptions): Promise<Guest> {
  const guest = await readyGuest(name, options);
  if (guest.machine !== 'pvh') return guest;
  const disk = options.disk.length === 0 ? [await homeDisk(name)] : [];
  const vif = options.vif.length === 0 ? ['backend=user'] : [];
  return {
    ...guest,
    disk,
    vif,
    ...(disk.length === 0 ? {} : { spareDisk: SPARE_DISK }),
    ...(disk.length === 0 ? {} : { commandLine: `${guest.commandLine} ${MOUNT_DISK}` }),
  };
}
