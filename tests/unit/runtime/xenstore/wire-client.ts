import { XsMessage, type XenStoreConnection } from '../../../../runtime/xenstore/index.ts';
import { bytesOf, encodeMessage, latin1Of, textOf } from '../../../../runtime/xenstore/wire/xs-bytes.ts';

/** A reply, with its payload as text; errors are told by their name. */
export interface Reply {
  readonly type: number;
  readonly reqId: number;
  readonly txId: number;
  readonly text: string;
}

/** Speaks the protocol as a guest does, over the bytes of a connection. */
export class WireClient {
  readonly connection: XenStoreConnection;
  /** Events that came, as `path token`. */
  readonly events: string[] = [];
  /** Everything that came, in order: replies by their text, events as `! path token`. */
  readonly log: string[] = [];
  #buffer: number[] = [];
  #reqId = 100;

  constructor(connection: XenStoreConnection) {
    this.connection = connection;
  }

  /** Sends a request and gives its reply. */
  ask(type: number, payload: string | Uint8Array, txId = 0): Reply {
    const bytes = typeof payload === 'string' ? bytesOf(payload) : payload;
    this.connection.receive(encodeMessage(type, ++this.#reqId, txId, bytes));
    const replies = this.poll();
    if (replies.length !== 1 || replies[0]!.reqId !== this.#reqId) throw new Error(`expected one reply, got ${JSON.stringify(replies)}`);
    return replies[0]!;
  }

  /** Sends a request and gives the reply's text: the error's name when it is one. */
  text(type: keyof typeof XsMessage, payload: string | Uint8Array, txId = 0): string {
    const reply = this.ask(XsMessage[type], payload, txId);
    const wanted = reply.type === XsMessage.XS_ERROR || reply.type === XsMessage[type];
    if (!wanted || reply.txId !== txId) throw new Error(`a reply of type ${reply.type}`);
    return reply.text;
  }

  read(path: string, txId = 0): string {
    return this.text('XS_READ', `${path}\0`, txId);
  }

  write(path: string, value: string, txId = 0): string {
    return this.text('XS_WRITE', `${path}\0${value}`, txId);
  }

  watch(path: string, token: string): string {
    return this.text('XS_WATCH', `${path}\0${token}\0`);
  }

  /** Begins a transaction. */
  begin(): number {
    return Number(this.text('XS_TRANSACTION_START', '\0').slice(0, -1));
  }

  end(txId: number, how = 'T'): string {
    return this.text('XS_TRANSACTION_END', `${how}\0`, txId);
  }

  /** Takes what waits; replies are returned, events are kept. */
  poll(): Reply[] {
    const piece = new Uint8Array(777);
    for (let length = this.connection.take(piece); length > 0; length = this.connection.take(piece)) this.#buffer.push(...piece.subarray(0, length));
    const replies: Reply[] = [];
    for (;;) {
      if (this.#buffer.length < 16) return replies;
      const header = new DataView(Uint8Array.from(this.#buffer.slice(0, 16)).buffer);
      const length = header.getUint32(12, true);
      if (this.#buffer.length < 16 + length) return replies;
      const payload = Uint8Array.from(this.#buffer.slice(16, 16 + length));
      this.#buffer = this.#buffer.slice(16 + length);
      const type = header.getUint32(0, true);
      if (type === XsMessage.XS_WATCH_EVENT) {
        const [path, token] = latin1Of(payload).split('\0');
        this.events.push(`${path} ${token}`);
        this.log.push(`! ${path} ${token}`);
        if (header.getUint32(4, true) !== 0 || header.getUint32(8, true) !== 0) throw new Error('an event with ids');
        continue;
      }
      const text = textOf(payload);
      this.log.push(text);
      replies.push({ type, reqId: header.getUint32(4, true), txId: header.getUint32(8, true), text });
    }
  }

  /** Events since the last call. */
  takeEvents(): string[] {
    this.poll();
    return this.events.splice(0);
  }
}
