/** The value of a scheduler's parameter. */
export type ParameterValue = number | boolean;

/** A parameter that is a whole number. */
export interface IntegerParameter {
  /** Tells the kinds apart. */
  readonly kind: 'integer';
  /** What it is for, as the end of a sentence that begins with its name. */
  readonly summary: string;
  /** What it counts: `ns`, `percent`. Left out for a bare number. */
  readonly unit?: string;
  /** The least that it may be. */
  readonly min: number;
  /** The most that it may be. */
  readonly max: number;
  /** Its value when nothing is said. */
  readonly default: number;
  /** It is reported, and cannot be set. */
  readonly readOnly?: boolean;
}

/** A parameter that is on or off. */
export interface BooleanParameter {
  /** Tells the kinds apart. */
  readonly kind: 'boolean';
  /** What it is for. */
  readonly summary: string;
  /** Its value when nothing is said. */
  readonly default: boolean;
  /** It is reported, and cannot be set. */
  readonly readOnly?: boolean;
}

/** One parameter of a scheduler or of a domain under it. */
export type SchedulerParameter = IntegerParameter | BooleanParameter;

/** A description for every parameter. */
export type ParameterSchema<P extends object> = { readonly [K in keyof P]-?: SchedulerParameter };

/** Xen's error number for a value that is refused. */
export const EINVAL = 22;

/** Xen's error number for a domain that does not exist. */
export const ESRCH = 3;

/** Why parameters were not changed. */
export interface ParameterRefusal {
  /** What a hypercall returns: `-EINVAL` or `-ESRCH`. */
  readonly errno: number;
  /** The parameter that is wrong, or the first of several that do not go together. */
  readonly parameter: string;
  /** What would have been taken. */
  readonly expected: string;
  /** What was given. */
  readonly seen: string;
}

/** Refuses a value with `-EINVAL`. */
export function refuseParameter(parameter: string, expected: string, seen: unknown): ParameterRefusal {
  return { errno: -EINVAL, parameter, expected, seen: String(seen) };
}

/** Refuses to change a domain that the scheduler does not know, with `-ESRCH`. */
export function refuseUnknownDomain(domid: number): ParameterRefusal {
  return { errno: -ESRCH, parameter: 'domid', expected: 'a domain that exists', seen: String(domid) };
}

/** Checks changes against a schema: names, types and limits. What depends on several values is left to the scheduler. */
export function checkParameters(schema: Readonly<Record<string, SchedulerParameter>>, changes: object): ParameterRefusal | undefined {
  for (const [name, value] of Object.entries(changes) as [string, unknown][]) {
    const parameter = Object.hasOwn(schema, name) ? schema[name] : undefined;
    if (parameter === undefined) return refuseParameter(name, `one of ${Object.keys(schema).join(', ')}`, name);
    if (parameter.readOnly === true) return refuseParameter(name, 'nothing: it is only reported', value);
    if (!fits(parameter, value)) return refuseParameter(name, describe(parameter), value);
  }
  return undefined;
}

function fits(parameter: SchedulerParameter, value: unknown): boolean {
  if (parameter.kind === 'boolean') return typeof value === 'boolean';
  return typeof value === 'number' && Number.isInteger(value) && value >= parameter.min && value <= parameter.max;
}

function describe(parameter: SchedulerParameter): string {
  if (parameter.kind === 'boolean') return 'true or false';
  const unit = parameter.unit === undefined ? '' : ` ${parameter.unit}`;
  return `a whole number from ${parameter.min} to ${parameter.max}${unit}`;
}

/** The values that parameters have when nothing is said. */
export function parameterDefaults<P extends object>(schema: ParameterSchema<P>): P {
  const entries = Object.entries(schema) as [string, SchedulerParameter][];
  return Object.fromEntries(entries.map(([name, parameter]) => [name, parameter.default])) as P;
}
