import type { MessagePort } from 'node:worker_threads';
import type { InterpreterIndex } from '#jit/interpreter';
import type { TranslateNow, TranslationMode } from '../machine/translation.ts';
import type { ClockSource, Engine } from './slice-protocol.ts';

/** What decides how code is translated. */
export interface TranslationWish {
  readonly engine: Engine;
  readonly clock: ClockSource;
  /** To a translator thread. */
  readonly translator?: MessagePort;
}

/** Whether a translator thread is wanted. */
export function wantsTranslator({ engine, clock }: TranslationWish): boolean {
  return engine === 'auto' && clock === 'host';
}

/** Whether the module that translates on the calling thread is needed: {@link loadTranslate}. */
export function translatesHere(wish: TranslationWish): boolean {
  return wish.engine !== 'interpreter' && !wantsTranslator(wish);
}

/** Loads what translates on the calling thread, with Binaryen. */
export async function loadTranslate(functions: InterpreterIndex['functions']): Promise<TranslateNow> {
  const { translateBatch } = await import('#jit/translate');
  return (requests) => {
    const { wasm, ...batch } = translateBatch(requests, functions);
    return { ...batch, module: new WebAssembly.Module(wasm as BufferSource) };
  };
}

/** How code is translated; null = not at all. */
export function translationMode(wish: TranslationWish, translate: TranslateNow | undefined): TranslationMode | null {
  if (wantsTranslator(wish)) return wish.translator === undefined ? null : { kind: 'background', port: wish.translator };
  if (!translatesHere(wish) || translate === undefined) return null;
  return { kind: wish.engine === 'translator' ? 'always' : 'in-step', translate };
}
