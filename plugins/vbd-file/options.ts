import type { OptionSchema, PluginOption } from '#sdk';

/** What becomes of sectors that a guest gives up. */
export type DiscardMode = 'none' | 'zero';

/** Options of VBDs in files. */
export interface FileOptions {
  /** Size of a sector as the guest sees it, 512 or 4096. */
  readonly sectorBytes: 512 | 4096;
  /** `none`: guests are told that there is no discard. `zero`: zeroes are written where there are none yet. */
  readonly discard: DiscardMode;
}

/** The options when nothing is said. */
export const fileDefaults: FileOptions = Object.freeze({ sectorBytes: 512, discard: 'none' });

const discardOption: PluginOption<DiscardMode> = {
  summary: 'what becomes of sectors that a guest gives up',
  expected: 'none or zero',
  default: fileDefaults.discard,
  parse: (text) => (text === 'none' || text === 'zero' ? text : undefined),
};

const sectorOption: PluginOption<512 | 4096> = {
  summary: 'bytes of a sector, as the guest sees it',
  expected: '512 or 4096',
  default: fileDefaults.sectorBytes,
  parse: (text) => (text === '512' ? 512 : text === '4096' ? 4096 : undefined),
};

/** How the options are written. */
export const fileSchema: OptionSchema<FileOptions> = { sectorBytes: sectorOption, discard: discardOption };
