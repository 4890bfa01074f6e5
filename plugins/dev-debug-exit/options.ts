import { integerOption, type OptionSchema } from '#sdk';

/** Options of the debug exit device. */
export interface DebugExitOptions {
  /** Its first I/O port. */
  readonly port: number;
  /** How many ports it has: the widest write that it takes as one number. */
  readonly width: number;
}

/** The options when nothing is said: where QEMU users put theirs. */
export const debugExitDefaults: DebugExitOptions = Object.freeze({ port: 0xf4, width: 4 });

/** How the options are written. */
export const debugExitSchema: OptionSchema<DebugExitOptions> = {
  port: integerOption({ summary: 'first I/O port', default: debugExitDefaults.port, min: 0, max: 0xffff }),
  width: integerOption({ summary: 'number of ports, the widest write', default: debugExitDefaults.width, min: 1, max: 4, among: [1, 2, 4] }),
};
