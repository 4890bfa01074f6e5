import { type OptionSchema, type PluginOption, textOption } from '#sdk';

/** Options of the trace. */
export interface ChromeTraceOptions {
  /** The file. */
  readonly file: string;
}

/** The options when nothing is said. */
export const chromeTraceDefaults: ChromeTraceOptions = Object.freeze({ file: 'xylem-trace.json' });

const file = textOption({ summary: 'the file, made anew', expected: 'the path of a file' });

/** How the options are written. */
export const chromeTraceSchema: OptionSchema<ChromeTraceOptions> = {
  file: { ...file, default: chromeTraceDefaults.file } as PluginOption<string>,
};
