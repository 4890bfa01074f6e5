import { HypervisorError } from '#sdk';
import { type CpuModel, cpuModels } from '../machine/cpu-models.ts';

const LEAST_MIB = 2;
/** Above lies the window of the devices, and guest RAM is one 32-bit memory. */
const MOST_MIB = 3584;
const MOST_SECONDS = 2_000_000;

/** `--memory`: whole MiB. */
export function parseMemory(text: string): number {
  const mib = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (mib >= LEAST_MIB && mib <= MOST_MIB) return mib;
  const seen = Number.isNaN(mib) ? `"${text}" is no number of MiB` : `${text} MiB is ${mib < LEAST_MIB ? 'too little' : 'too much'} memory`;
  throw badValue('--memory', seen, `give a whole number from ${LEAST_MIB} to ${MOST_MIB}, such as 256`);
}

/** An option that is a whole number. */
export function wholeNumber(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw badValue(option, `"${text}" is no number from ${least} to ${most}`, `give a whole number from ${least} to ${most}`);
  };
}

/** `--timeout`: seconds, also parts of them. */
export function parseTimeout(text: string): number {
  const seconds = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= MOST_SECONDS) return seconds;
  throw badValue('--timeout', `"${text}" is no number of seconds above 0`, 'give a number such as 30 or 0.5');
}

/** `--expect`: a regular expression; lines end with `\n`, and `^` and `$` match at them. */
export function parseExpectation(text: string): RegExp {
  try {
    return new RegExp(text, 'm');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^.*: /s, '') : String(cause);
    throw badValue('--expect', `"${text}" is no regular expression (${reason})`, "give one in JavaScript's syntax");
  }
}

/** `--cpu`: the name of a model. */
export function parseCpu(text: string): CpuModel {
  const model = cpuModels.get(text);
  if (model !== undefined) return model;
  throw badValue('--cpu', `there is no CPU model "${text}"`, `choose one of ${[...cpuModels.keys()].join(', ')}`);
}

/** Makes a parser that takes one of `choices`. */
export function choiceOf<T extends string>(option: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    throw badValue(option, `"${text}" is none of its values`, `choose one of ${choices.join(', ')}`);
  };
}

function badValue(option: string, seen: string, hint: string): HypervisorError {
  return new HypervisorError('HV_ERR_CLI_OPTION', `${option}: ${seen}`, { hint });
}
