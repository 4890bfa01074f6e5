import { Errno } from '#sdk';
import type { HypercallHandler } from './call.ts';

const CONSOLEIO_write = 0;
const CONSOLEIO_read = 1;
const PIECE = 4096;
/** A call takes no more than this, so that no guest keeps its pCPU. */
const MOST = 1 << 20;

/** `console_io`: output for emergencies and before the guest has its console. There is nothing to read. */
export const consoleIo: HypercallHandler = (call) => {
  const command = call.arg(0);
  if (command === CONSOLEIO_read) return 0;
  if (command !== CONSOLEIO_write) return -Errno.ENOSYS;
  const count = call.arg(1);
  if (count > MOST) return -Errno.EINVAL;
  for (let at = 0; at < count; at += PIECE) {
    const text = call.access.read(call.long(2) + BigInt(at), Math.min(PIECE, count - at));
    if (text === undefined) return -Errno.EFAULT;
    for (const byte of new Uint8Array(text.buffer)) call.domain.consoleWrite(byte);
  }
  return 0;
};
