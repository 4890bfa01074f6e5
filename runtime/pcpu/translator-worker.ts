import { serveTranslator } from '#jit/translator-thread';
import { Doorbell } from './doorbell.ts';
import type { TranslatorTask } from './pool.ts';

/** The task of a translator's thread: translates what arrives on its port until the port closes. */
export function runTranslator({ port, functions, doorbell, known }: TranslatorTask): Promise<void> {
  const bell = new Doorbell(doorbell);
  serveTranslator(port, functions, () => bell.ring(), known);
  return new Promise((resolve) => port.once('close', resolve));
}
