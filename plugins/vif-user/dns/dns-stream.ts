import { getU16, putU16 } from '#sdk';
import type { TcpConnection, TcpOwner } from '../tcp/index.ts';
import type { DnsForwarder } from './dns-forwarder.ts';

/** Bytes of questions that may wait for being whole. */
const MOST_BYTES = 8192;

/** Answers questions that come by a connection, each with its length in front (RFC 1035, 4.2.2): those whose answers are long. */
export class DnsStream implements TcpOwner {
  readonly #forwarder: DnsForwarder;
  readonly #over: () => void;
  #connection: TcpConnection | undefined;
  #bytes = new Uint8Array(0);
  #open = 0;
  #ended = false;

  constructor(forwarder: DnsForwarder, over: () => void) {
    this.#forwarder = forwarder;
    this.#over = over;
  }

  join(connection: TcpConnection): void {
    this.#connection = connection;
    connection.confirm();
  }

  data(bytes: Uint8Array): void {
    this.#connection?.consumed(bytes.length);
    if (this.#bytes.length + bytes.length > MOST_BYTES) {
      this.#connection?.reset();
      return;
    }
    const all = new Uint8Array(this.#bytes.length + bytes.length);
    all.set(this.#bytes);
    all.set(bytes, this.#bytes.length);
    let at = 0;
    for (let end = 2 + getU16(all, at); all.length >= 2 && end <= all.length; end = at + 2 + getU16(all, at)) {
      this.#answer(all.slice(at + 2, end));
      at = end;
      if (at + 2 > all.length) break;
    }
    this.#bytes = all.slice(at);
  }

  ended(): void {
    this.#ended = true;
    this.#finish();
  }

  writable(): void {}

  closed(): void {
    this.#connection = undefined;
    this.#over();
  }

  #answer(question: Uint8Array): void {
    this.#open += 1;
    void this.#forwarder.answer(question, { long: true }).then((answer) => {
      this.#open -= 1;
      if (answer !== undefined) this.#write(answer);
      this.#finish();
    });
  }

  #write(answer: Uint8Array): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const framed = new Uint8Array(2 + answer.length);
    putU16(framed, 0, answer.length);
    framed.set(answer, 2);
    // Who asks on without taking answers gets none.
    if (connection.room < framed.length) connection.reset();
    else connection.write(framed);
  }

  #finish(): void {
    if (this.#ended && this.#open === 0) this.#connection?.abandon();
  }
}
