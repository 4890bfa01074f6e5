import { createSocket, type Socket } from 'node:dgram';
import type { Timer, TimerFactory, VirtualClock } from '#sdk';
import { type UdpEnd, sendUdp } from './udp-sender.ts';
import type { IpSender } from './ip-sender.ts';

const MS = 1_000_000;
const IDLE_NS = 60_000 * MS;
const MOST_FLOWS = 256;
const MOST_PEERS = 64;
/** Bytes that may wait in a socket; datagrams beyond that get lost. */
const MOST_QUEUED_BYTES = 1 << 20;

/** What the NAT works with. */
export interface UdpNatParts {
  readonly sender: IpSender;
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
}

interface Flow {
  readonly socket: Socket;
  readonly guest: UdpEnd;
  /** Whom the guest has written to, as the host sees them, and as the guest does. Only they may answer. */
  readonly peers: Map<string, UdpEnd>;
  usedNs: number;
}

/** Gives each UDP port of a guest a socket of the host's. */
export class UdpNat {
  readonly #parts: UdpNatParts;
  readonly #flows = new Map<string, Flow>();
  readonly #timer: Timer;

  constructor(parts: UdpNatParts) {
    this.#parts = parts;
    this.#timer = parts.timers.create(() => this.#sweep());
  }

  /** Flows that are open. */
  get flows(): number {
    return this.#flows.size;
  }

  /** Sends a datagram of the guest to `host`, which is where `to` leads. The payload is copied. */
  send(datagram: { guest: UdpEnd; to: UdpEnd; host: string; payload: Uint8Array }): void {
    const { guest, to, host, payload } = datagram;
    if (to.port === 0 || guest.port === 0) return;
    const key = `${guest.address}:${guest.port}`;
    const flow = this.#flows.get(key) ?? this.#open(key, guest);
    flow.usedNs = this.#parts.clock.now();
    const peer = `${host}:${to.port}`;
    if (!flow.peers.has(peer)) {
      if (flow.peers.size >= MOST_PEERS) flow.peers.delete(flow.peers.keys().next().value ?? '');
      flow.peers.set(peer, to);
    }
    // Nobody answers for a datagram that gets lost, here as anywhere.
    if (flow.socket.getSendQueueSize() < MOST_QUEUED_BYTES) flow.socket.send(payload.slice(), to.port, host, () => {});
  }

  /** Closes all sockets. */
  close(): void {
    this.#timer.cancel();
    for (const key of [...this.#flows.keys()]) this.#drop(key);
  }

  #open(key: string, guest: UdpEnd): Flow {
    if (this.#flows.size >= MOST_FLOWS) this.#drop(this.#stalest());
    const socket = createSocket('udp4');
    const flow: Flow = { socket, guest, peers: new Map(), usedNs: this.#parts.clock.now() };
    socket.on('message', (message, { address, port }) => {
      const peer = flow.peers.get(`${address}:${port}`);
      if (peer === undefined || this.#flows.get(key) !== flow) return;
      flow.usedNs = this.#parts.clock.now();
      sendUdp(this.#parts.sender, peer, guest, message);
    });
    socket.on('error', () => {
      if (this.#flows.get(key) === flow) this.#drop(key);
    });
    this.#flows.set(key, flow);
    if (this.#flows.size === 1) this.#timer.arm(this.#parts.clock.now() + IDLE_NS);
    return flow;
  }

  #stalest(): string {
    let stalest = '';
    let usedNs = Number.POSITIVE_INFINITY;
    for (const [key, flow] of this.#flows) {
      if (flow.usedNs >= usedNs) continue;
      stalest = key;
      usedNs = flow.usedNs;
    }
    return stalest;
  }

  #sweep(): void {
    const nowNs = this.#parts.clock.now();
    for (const [key, { usedNs }] of this.#flows) if (nowNs - usedNs >= IDLE_NS) this.#drop(key);
    if (this.#flows.size > 0) this.#timer.arm(nowNs + IDLE_NS / 4);
  }

  #drop(key: string): void {
    const flow = this.#flows.get(key);
    if (flow === undefined) return;
    this.#flows.delete(key);
    flow.socket.close();
  }
}
