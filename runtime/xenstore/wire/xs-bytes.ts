/** A message with its header taken apart. */
export interface XsRequest {
  readonly type: number;
  readonly reqId: number;
  readonly txId: number;
  readonly payload: Uint8Array;
}

const HEADER_SIZE = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Text of a value; a byte sequence that is not UTF-8 shows replacement characters. */
export function textOf(value: Uint8Array): string {
  return decoder.decode(value);
}

/** Bytes of a text, as UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * One character for each byte, so that a guest's path or token survives both ways whatever is in it.
 * For payloads only: the engine limits how many arguments a call may have.
 */
export function latin1Of(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** A whole message: header and payload; text is written one byte for each character. */
export function encodeMessage(type: number, reqId: number, txId: number, payload: Uint8Array | string): Uint8Array {
  const message = new Uint8Array(HEADER_SIZE + payload.length);
  const header = new DataView(message.buffer);
  header.setUint32(0, type, true);
  header.setUint32(4, reqId, true);
  header.setUint32(8, txId, true);
  header.setUint32(12, payload.length, true);
  if (typeof payload === 'string') for (let i = 0; i < payload.length; i++) message[HEADER_SIZE + i] = payload.charCodeAt(i);
  else message.set(payload, HEADER_SIZE);
  return message;
}

/** The NUL-terminated strings of a payload; bytes after the last NUL belong to none. */
export function stringsOf(payload: Uint8Array): string[] {
  return latin1Of(payload).split('\0').slice(0, -1);
}
