import { randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { PROTOCOL_TCP, putU16, type TimerFactory, type VirtualClock } from '#sdk';
import { type FlowKey, FlowTable } from './flow-table.ts';
import { type IpSender, MTU, PAYLOAD } from './ip-sender.ts';
import { TcpFlow } from './tcp-flow.ts';
import { type OutgoingSegment, outgoingSegment, TCP_HEADER_BYTES, TcpConnection, TcpFlag, type TcpOwner, type TcpSegment, writeSegment } from './tcp/index.ts';

/** Connections of one guest that may be open at once. */
const MOST_CONNECTIONS = 1024;
/** Bytes that a connection keeps in each direction, while there are few of them. */
const MOST_BUFFER_BYTES = 256 * 1024;
const LEAST_BUFFER_BYTES = 16 * 1024;
/** Shared out among the connections of a guest, so that many of them don't take the memory of the host. */
const ALL_BUFFER_BYTES = 16 * 1024 * 1024;
const MSS = MTU - 40;

/** What the NAT works with. */
export interface TcpNatParts {
  readonly sender: IpSender;
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
}

/** Where a destination of the guest leads: an address of the host, a service of the gateway, or nowhere. */
export type TcpRoute = string | ((over: () => void) => TcpOwner) | undefined;

/** Gives each TCP connection of a guest one of the host's, and the other way round. */
export class TcpNat {
  readonly #parts: TcpNatParts;
  readonly #table = new FlowTable<TcpConnection>();
  readonly #bare = outgoingSegment();

  constructor(parts: TcpNatParts) {
    this.#parts = parts;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#table.size;
  }

  /** Takes a segment of the guest. */
  receive(segment: TcpSegment, key: FlowKey, route: TcpRoute): void {
    const connection = this.#table.find(key);
    const isNew = (segment.flags & (TcpFlag.SYN | TcpFlag.ACK | TcpFlag.RST)) === TcpFlag.SYN;
    // A port may be used again while the old connection only waits for stray segments.
    if (connection !== undefined && !(isNew && connection.isWaiting)) {
      connection.receive(segment);
      return;
    }
    if (connection !== undefined) connection.reset();
    if (isNew && route !== undefined && segment.destinationPort !== 0 && this.#table.size < MOST_CONNECTIONS) this.#connectOut(segment, key, route);
    else this.#refuse(segment, key);
  }

  /** Connects a socket of the host, which is paused, to a port of the guest. Whether there is room for that. */
  connectIn(socket: Socket, key: FlowKey): boolean {
    if (this.#table.size >= MOST_CONNECTIONS || this.#table.find(key) !== undefined) return false;
    this.#open(key, (over) => new TcpFlow(socket, over)).open();
    return true;
  }

  /** Breaks all connections. */
  close(): void {
    for (const connection of this.#table.all()) connection.reset();
  }

  #connectOut(syn: TcpSegment, key: FlowKey, route: NonNullable<TcpRoute>): void {
    if (typeof route === 'function') {
      this.#open(key, route, syn);
      return;
    }
    const socket = connect({ host: route, port: syn.destinationPort, allowHalfOpen: true, noDelay: true });
    const connection = this.#open(key, (over) => new TcpFlow(socket, over), syn);
    socket.once('connect', () => connection.confirm());
  }

  #open(key: FlowKey, make: (over: () => void) => TcpOwner, syn?: TcpSegment): TcpConnection {
    const { clock, timers } = this.#parts;
    const owner = make(() => this.#table.remove(key, connection));
    const connection: TcpConnection = new TcpConnection({
      clock,
      timers,
      events: owner,
      send: (segment) => this.#send(segment, key),
      initialSequence: randomInt(2 ** 32),
      mss: MSS,
      bufferBytes: Math.max(LEAST_BUFFER_BYTES, Math.min(MOST_BUFFER_BYTES, Math.floor(ALL_BUFFER_BYTES / (this.#table.size + 1)))),
    });
    this.#table.add(key, connection);
    if (syn !== undefined) connection.accept(syn);
    owner.join(connection);
    return connection;
  }

  /** Answers what belongs to no connection (RFC 9293, 3.10.7.1). */
  #refuse(segment: TcpSegment, key: FlowKey): void {
    const { flags, length, sequence, acknowledgment } = segment;
    if ((flags & TcpFlag.RST) !== 0) return;
    const answer = this.#bare;
    const hasAck = (flags & TcpFlag.ACK) !== 0;
    answer.flags = hasAck ? TcpFlag.RST : TcpFlag.RST | TcpFlag.ACK;
    answer.sequence = hasAck ? acknowledgment : 0;
    const used = length + ((flags & TcpFlag.SYN) !== 0 ? 1 : 0) + ((flags & TcpFlag.FIN) !== 0 ? 1 : 0);
    answer.acknowledgment = hasAck ? 0 : (sequence + used) >>> 0;
    this.#send(answer, key);
  }

  #send(segment: OutgoingSegment, { guestAddress, guestPort, remoteAddress, remotePort }: FlowKey): void {
    const { sender } = this.#parts;
    putU16(sender.bytes, PAYLOAD, remotePort);
    putU16(sender.bytes, PAYLOAD + 2, guestPort);
    const length = writeSegment(segment, sender.bytes, PAYLOAD);
    const isLong = length - TCP_HEADER_BYTES > segment.segmentBytes;
    sender.send({
      protocol: PROTOCOL_TCP,
      source: remoteAddress,
      destination: guestAddress,
      length,
      gsoSize: isLong && segment.length > 0 ? segment.segmentBytes : 0,
    });
  }
}
