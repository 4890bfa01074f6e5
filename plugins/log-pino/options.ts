import { type LogLevel, type OptionSchema, type PluginOption, textOption } from '#sdk';

/** Options of the log. */
export interface PinoOptions {
  /** The file; null for the standard error. */
  readonly file: string | null;
  /** The least that is written. */
  readonly level: LogLevel;
}

/** The options when nothing is said. */
export const pinoDefaults: PinoOptions = Object.freeze({ file: null, level: 'info' });

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn'];

const level: PluginOption<LogLevel> = {
  summary: 'least that is written',
  expected: `one of ${LEVELS.join(', ')}`,
  default: pinoDefaults.level,
  parse: (text) => LEVELS.find((each) => each === text),
};

/** How the options are written. */
export const pinoSchema: OptionSchema<PinoOptions> = {
  file: textOption({ summary: 'file that lines are added to', expected: 'the path of a file' }),
  level,
};
