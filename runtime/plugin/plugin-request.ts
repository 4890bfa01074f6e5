import { HypervisorError, type OptionSchema, type Plugin } from '#sdk';

/** A plugin as the operator named it; plain data, so that it can be sent to a pCPU's thread, unless it was given as an object. */
export interface PluginRequest {
  /** Its name, path or package. */
  readonly name: string;
  /** Options as they were written, by name. */
  readonly options: Readonly<Record<string, string>>;
  /** The plugin itself, when it need not be found. */
  readonly plugin?: Plugin;
}

/**
 * Reads `name,key=value,...`. A key alone means `key=true`; a comma inside of a value is written twice.
 *
 * @throws HypervisorError `HV_ERR_PLUGIN_OPTION`
 */
export function parsePluginRequest(text: string): PluginRequest {
  const [name = '', ...pairs] = splitCommas(text);
  if (name === '') throw badOption(`"${text}" names no plugin`, 'write --plugin NAME or --plugin NAME,key=value');
  const options: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    if (key === '') throw badOption(`plugin ${name}: "${pair}" is no option; expected was key=value`, `see "${text}"`);
    if (Object.hasOwn(options, key)) throw badOption(`plugin ${name}: the option ${key} is given twice`, 'give it once');
    options[key] = equals < 0 ? 'true' : pair.slice(equals + 1);
  }
  return { name, options };
}

/**
 * The value of every option: as written, or the default.
 *
 * @throws HypervisorError `HV_ERR_PLUGIN_OPTION` for an option that there is not, or a value that it cannot have
 */
export function resolveOptions<O extends object>(plugin: string, schema: OptionSchema<O>, written: PluginRequest['options']): O {
  const names = Object.keys(schema);
  const unknown = Object.keys(written).find((key) => !Object.hasOwn(schema, key));
  if (unknown !== undefined) {
    const hint = names.length === 0 ? 'it takes no options' : `it takes ${names.join(', ')}`;
    throw badOption(`plugin ${plugin} has no option ${unknown}`, hint);
  }
  const values: Partial<O> = {};
  for (const name of names as (keyof O & string)[]) {
    const option = schema[name];
    const text = written[name];
    const value = text === undefined ? option.default : option.parse(text);
    if (value === undefined) throw badOption(`plugin ${plugin}: ${name}=${text} is not what was expected`, `${name} is ${option.expected}: ${option.summary}`);
    values[name] = value;
  }
  return Object.freeze(values as O);
}

function badOption(message: string, hint: string): HypervisorError {
  return new HypervisorError('HV_ERR_PLUGIN_OPTION', message, { hint });
}

/** Splits at single commas; two commas stand for one. */
function splitCommas(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < text.length; i++) {
    const isComma = text[i] === ',';
    const isDouble = isComma && text[i + 1] === ',';
    if (isDouble) i += 1;
    if (isComma && !isDouble) {
      parts.push(part);
      part = '';
    } else part += text[i];
  }
  return [...parts, part];
}
