import { booleanOption, integerOption, type OptionSchema, textOption } from '#sdk';

/** Options of the switch. */
export interface SwitchOptions {
  /** For how long an address that is not heard of stays known, in seconds. */
  readonly ageing: number;
  /** Most addresses that a switch knows at once. */
  readonly addresses: number;
  /** Refuse frames whose source is not the vif's own address. */
  readonly antispoof: boolean;
  /** A file for all frames; null for none. */
  readonly dump: string | null;
  /** Most bytes of a frame that go into the file. */
  readonly dumpBytes: number;
}

/** The options when nothing is said. */
export const switchDefaults: SwitchOptions = Object.freeze({ ageing: 300, addresses: 1024, antispoof: false, dump: null, dumpBytes: 65_535 });

/** How the options are written. */
export const switchSchema: OptionSchema<SwitchOptions> = {
  ageing: integerOption({
    summary: 'seconds after which an address that is not heard of is forgotten',
    default: switchDefaults.ageing,
    min: 1,
    max: 1_000_000,
  }),
  addresses: integerOption({ summary: 'most addresses that a switch knows', default: switchDefaults.addresses, min: 1, max: 1_000_000 }),
  antispoof: booleanOption({ summary: "refuse frames whose source is not the vif's address", default: switchDefaults.antispoof }),
  dump: textOption({ summary: 'file for all frames in pcap-ng format, made anew', expected: 'the path of a file' }),
  dumpBytes: integerOption({ summary: 'most bytes of a frame that go into the dump', default: switchDefaults.dumpBytes, min: 14, max: 65_535 }),
};
