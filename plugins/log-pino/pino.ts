import { once } from 'node:events';
import type { Logger } from 'pino';
import { HypervisorError, type LogRecord } from '#sdk';
import type { PinoOptions } from './options.ts';

const STANDARD_ERROR = 2;
/** Messages that are kept until there is a place for them. */
const MOST_WAITING = 1000;

/** Writes messages as lines of JSON, by pino. */
export class PinoLog {
  readonly #options: PinoOptions;
  #waiting: LogRecord[] = [];
  #logger: Logger | undefined;
  #end: (() => Promise<void>) | undefined;

  constructor(options: PinoOptions) {
    this.#options = options;
  }

  /**
   * Opens the file.
   * @throws HypervisorError `HV_ERR_PLUGIN_PACKAGE` when pino is not installed, `HV_ERR_FILE_WRITE`
   */
  async open(): Promise<void> {
    const { file, level } = this.#options;
    const { pino } = await loadPino();
    const destination = pino.destination({ dest: file ?? STANDARD_ERROR, sync: false, append: true });
    try {
      await once(destination, 'ready');
    } catch (cause) {
      throw new HypervisorError('HV_ERR_FILE_WRITE', `the log ${file} cannot be written: ${(cause as { code?: string }).code ?? String(cause)}`, {
        hint: 'name a file in a directory that exists and may be written',
        cause,
      });
    }
    // What the disk does not take is lost; that is no reason to stop a hypervisor.
    destination.on('error', () => undefined);
    this.#logger = pino({ level, base: { name: 'xylem' } }, destination);
    this.#end = async () => {
      const closed = once(destination, 'close');
      destination.end();
      await closed;
    };
    for (const record of this.#waiting.splice(0)) this.write(record);
  }

  /** Takes a message. */
  write(record: LogRecord): void {
    if (this.#logger !== undefined) this.#logger[record.level](record.fields, record.message);
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(record);
  }

  /** Writes what is left, and closes the file. */
  async close(): Promise<void> {
    const end = this.#end;
    this.#end = undefined;
    this.#logger = undefined;
    await end?.();
  }
}

async function loadPino(): Promise<Pick<typeof import('pino'), 'pino'>> {
  try {
    return await import('pino');
  } catch (cause) {
    throw new HypervisorError('HV_ERR_PLUGIN_PACKAGE', 'log-pino needs the package pino, which cannot be loaded', { hint: 'npm install pino', cause });
  }
}
