import type { Socket } from 'node:net';
import type { TcpConnection, TcpEnd, TcpOwner } from './tcp/index.ts';

/** Joins a connection of the guest with a socket of the host: bytes, ends, resets and the wait for room, both ways. */
export class TcpFlow implements TcpOwner {
  readonly #socket: Socket;
  readonly #over: () => void;
  #connection: TcpConnection | undefined;
  #rest: Uint8Array | undefined;
  #endDue = false;

  /** The socket leaves its other half open when one ends. `over` is called when the connection is. */
  constructor(socket: Socket, over: () => void) {
    this.#socket = socket;
    this.#over = over;
  }

  /** Joins the two. The socket is not read before `start`. */
  join(connection: TcpConnection): void {
    this.#connection = connection;
    const socket = this.#socket;
    socket.on('end', () => {
      this.#endDue = true;
      this.#flush();
    });
    socket.on('error', () => connection.reset());
    // Without an error both halves have ended, or nobody reads what the guest still sends.
    socket.on('close', () => connection.abandon());
  }

  /** Both ends are there: bytes may flow. */
  start(): void {
    this.#socket.on('data', (chunk: Uint8Array) => {
      this.#rest = chunk;
      this.#flush();
      if (this.#rest !== undefined) this.#socket.pause();
    });
    this.#socket.resume();
  }

  established(): void {
    this.start();
  }

  data(bytes: Uint8Array): void {
    // The window opens when the host has taken the bytes, so that a guest cannot fill memory.
    this.#socket.write(bytes, () => this.#connection?.consumed(bytes.length));
  }

  ended(): void {
    this.#socket.end();
  }

  writable(): void {
    if (this.#rest === undefined) return;
    this.#flush();
    if (this.#rest === undefined) this.#socket.resume();
  }

  closed(end: TcpEnd): void {
    if (end === 'done') this.#socket.end();
    else if (this.#socket.connecting) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
    this.#over();
  }

  #flush(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#rest !== undefined) {
      const taken = connection.write(this.#rest);
      this.#rest = taken < this.#rest.length ? this.#rest.subarray(taken) : undefined;
    }
    if (this.#endDue && this.#rest === undefined) connection.end();
  }
}
