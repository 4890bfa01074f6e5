import type { Hook } from 'tapable';
import type { TapOnly } from './tap-only.ts';

/** A plugin threw in a hook. */
export interface TapFailure {
  /** Name of the plugin. */
  readonly plugin: string;
  /** Name of the hook. */
  readonly hook: string;
  /** What it threw. */
  readonly cause: unknown;
}

/** What the owner of hooks does about plugins that throw. */
export interface TapIsolation {
  /** Takes note of a failure and disables the plugin; may throw to give up altogether. */
  failed(failure: TapFailure): void;
  /** A disabled plugin's taps are skipped. */
  isDisabled(plugin: string): boolean;
}

/** The parts of tapable's registered taps that are used here; its own types leave the function untyped. */
interface RegisteredTap {
  readonly type: 'sync' | 'async' | 'promise';
  readonly fn: (...args: unknown[]) => unknown;
  readonly plugin?: string;
  readonly name: string;
}

/** How a hook's taps are kept apart from the hypervisor. */
export interface IsolateOptions {
  /** Name of the hook, for reports. */
  readonly hookName: string;
  /** Who takes note of failures. */
  readonly isolation: TapIsolation;
  /** Gives each plugin its own view of the hook's argument. */
  readonly adapt?: (argument: unknown, plugin: string) => unknown;
}

/**
 * Makes every later tap of `hook` harmless: what it throws goes to the isolation with the plugin's name.
 * Taps made with `tapAsync` are refused, since their errors can't be told from the hook's own.
 */
// biome-ignore lint/suspicious/noExplicitAny: tapable's classes are invariant in their type parameters
export function isolateTaps(hook: Hook<any, any, any>, options: IsolateOptions): void {
  hook.intercept({
    register: (registered: unknown) => {
      const tap = registered as RegisteredTap;
      const plugin = tap.plugin ?? tap.name;
      if (tap.type === 'async') throw new TypeError(`${plugin} taps ${options.hookName} with tapAsync; use tap or tapPromise`);
      return { ...tap, fn: guard(tap, plugin, options) } as never;
    },
  });
}

function guard(tap: RegisteredTap, plugin: string, { hookName, isolation, adapt }: IsolateOptions): RegisteredTap['fn'] {
  const failed = (cause: unknown): void => isolation.failed({ plugin, hook: hookName, cause });
  return (...args) => {
    const idle = tap.type === 'promise' ? Promise.resolve() : undefined;
    if (isolation.isDisabled(plugin)) return idle;
    try {
      const result = tap.fn(...(adapt === undefined ? args : args.map((argument) => adapt(argument, plugin))));
      return tap.type === 'promise' ? Promise.resolve(result).catch(failed) : result;
    } catch (cause) {
      failed(cause);
      return idle;
    }
  };
}

/** The facade of a hook for one plugin: whatever name it taps with, failures carry the plugin's. */
// biome-ignore lint/suspicious/noExplicitAny: tapable's classes are invariant in their type parameters
export function facadeOf<H extends Hook<any, any, any>>(hook: H, plugin: string): TapOnly<H> {
  const facade: unknown = hook.withOptions({ plugin } as never);
  return facade as TapOnly<H>;
}
