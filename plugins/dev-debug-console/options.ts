import { booleanOption, integerOption, type OptionSchema, textOption } from '#sdk';

/** Options of the debug console. */
export interface DebugConsoleOptions {
  /** Its I/O port. */
  readonly port: number;
  /** A file for what the guest writes; `null` is the standard output. */
  readonly file: string | null;
  /** Write each byte as a hex number on a line of its own. */
  readonly hex: boolean;
}

/** The options when nothing is said: the port of Bochs. */
export const debugConsoleDefaults: DebugConsoleOptions = Object.freeze({ port: 0xe9, file: null, hex: false });

/** How the options are written. */
export const debugConsoleSchema: OptionSchema<DebugConsoleOptions> = {
  port: integerOption({ summary: 'I/O port', default: debugConsoleDefaults.port, min: 0, max: 0xffff }),
  file: textOption({ summary: 'file for the bytes, made anew; the standard output when left out', expected: 'the path of a file' }),
  hex: booleanOption({ summary: 'write each byte as a hex number on its own line', default: debugConsoleDefaults.hex }),
};
