/** One option of a plugin, as the operator writes it: text in, a value out. */
export interface PluginOption<V> {
  /** What it is for, as the end of a sentence that begins with its name. */
  readonly summary: string;
  /** What may be written, for messages: `a number from 0 to 0xffff`. */
  readonly expected: string;
  /** Its value when nothing is written. */
  readonly default: V;
  /** The value, or undefined when the text is not what is expected. */
  parse(text: string): V | undefined;
}

/** An option for every field of a plugin's options. */
export type OptionSchema<O extends object> = { readonly [K in keyof O]-?: PluginOption<O[K]> };

/** What an integer option may be. */
export interface IntegerOption {
  /** What it is for. */
  readonly summary: string;
  /** Its value when nothing is written. */
  readonly default: number;
  /** The least that it may be. */
  readonly min: number;
  /** The most that it may be. */
  readonly max: number;
  /** Only these values, when given. */
  readonly among?: readonly number[];
}

const INTEGER = /^(0[xX][0-9a-fA-F]+|[0-9]+)$/;

/** An integer, written in decimal or as 0x and hex digits. */
export function integerOption({ summary, default: fallback, min, max, among }: IntegerOption): PluginOption<number> {
  const show = (value: number): string => (max > 255 ? `0x${value.toString(16)}` : String(value));
  return {
    summary,
    expected: among === undefined ? `a number from ${show(min)} to ${show(max)}` : `one of ${among.join(', ')}`,
    default: fallback,
    parse: (text) => {
      if (!INTEGER.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max && (among === undefined || among.includes(value)) ? value : undefined;
    },
  };
}

/** `true` or `false`; the bare name means `true`. */
export function booleanOption({ summary, default: fallback }: Pick<PluginOption<boolean>, 'summary' | 'default'>): PluginOption<boolean> {
  return {
    summary,
    expected: 'true or false',
    default: fallback,
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  };
}

/** Any text that is not empty; `null` when the operator writes none. */
export function textOption({ summary, expected }: Pick<PluginOption<string>, 'summary' | 'expected'>): PluginOption<string | null> {
  return { summary, expected, default: null, parse: (text) => (text === '' ? undefined : text) };
}
