import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { HypervisorError } from '#sdk';
import type { FlowKey } from './flow-table.ts';
import type { PortForward } from './forward-spec.ts';
import type { IpSender } from './ip-sender.ts';
import type { TcpNat } from './tcp-nat.ts';
import { sendUdp } from './udp-sender.ts';

/** Ports of the gateway that stand for those who come from outside. */
const FIRST_PORT = 32_768;
const LAST_PORT = 60_999;
/** Senders of one UDP forward that are remembered. */
const MOST_SENDERS = 256;

/** What forwards work with. */
export interface PortForwardParts {
  readonly sender: IpSender;
  readonly tcp: TcpNat;
  /** Address that guests see as the source. */
  readonly gateway: number;
  readonly guest: () => number;
}

interface Outsider {
  readonly socket: DatagramSocket;
  readonly address: string;
  readonly port: number;
}

/** Ports of the host that lead to a guest. */
export class PortForwards {
  readonly #parts: PortForwardParts;
  readonly #servers: Server[] = [];
  readonly #sockets: DatagramSocket[] = [];
  /** By the gateway's port that stands for them, in the order in which they came. */
  readonly #outsiders = new Map<number, Outsider>();
  readonly #ports = new Map<string, number>();
  #nextPort = FIRST_PORT;

  constructor(parts: PortForwardParts) {
    this.#parts = parts;
  }

  /**
   * Listens on a port of the host; the port, which is chosen when the forward says 0.
   * @throws HypervisorError `HV_ERR_VIF_FORWARD` when the host does not give it
   */
  async listen(forward: PortForward): Promise<number> {
    try {
      return forward.protocol === 'tcp' ? await this.#listenTcp(forward) : await this.#listenUdp(forward);
    } catch (cause) {
      const where = `${forward.protocol}:${forward.hostAddress}:${forward.hostPort}`;
      const code = (cause as { code?: string }).code ?? String(cause);
      throw new HypervisorError('HV_ERR_VIF_FORWARD', `the host does not give the port ${where} for a forward: ${code}`, {
        cause,
        hint: 'choose a port that is free, from 1024 on, and an address of this host',
      });
    }
  }

  /** Takes a datagram of the guest, if it answers one that came by a forward. */
  answer(gatewayPort: number, payload: Uint8Array): boolean {
    const outsider = this.#outsiders.get(gatewayPort);
    if (outsider === undefined) return false;
    outsider.socket.send(payload.slice(), outsider.port, outsider.address, () => {});
    return true;
  }

  /** Listens no more. */
  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of this.#sockets.splice(0)) socket.close();
    this.#outsiders.clear();
    this.#ports.clear();
  }

  async #listenTcp({ hostAddress, hostPort, guestPort }: PortForward): Promise<number> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      socket.on('error', () => {});
      if (!this.#parts.tcp.connectIn(socket, this.#key(guestPort))) socket.resetAndDestroy();
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(hostPort, hostAddress, resolve);
    });
    server.on('error', () => {});
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : hostPort;
  }

  async #listenUdp({ hostAddress, hostPort, guestPort }: PortForward): Promise<number> {
    const socket = createSocket('udp4');
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(hostPort, hostAddress, resolve);
    });
    socket.on('error', () => {});
    socket.on('message', (message, { address, port }) => {
      const from = { address: this.#parts.gateway, port: this.#portOf({ socket, address, port }) };
      sendUdp(this.#parts.sender, from, { address: this.#parts.guest(), port: guestPort }, message);
    });
    return socket.address().port;
  }

  #key(guestPort: number): FlowKey {
    return { guestAddress: this.#parts.guest(), guestPort, remoteAddress: this.#parts.gateway, remotePort: this.#takePort() };
  }

  /** The gateway's port for a sender; the one that came first is forgotten when there are too many. */
  #portOf(outsider: Outsider): number {
    const name = `${this.#sockets.indexOf(outsider.socket)} ${outsider.address}:${outsider.port}`;
    const known = this.#ports.get(name);
    if (known !== undefined) return known;
    if (this.#ports.size >= MOST_SENDERS) {
      const [oldest = '', oldPort = 0] = this.#ports.entries().next().value ?? [];
      this.#ports.delete(oldest);
      this.#outsiders.delete(oldPort);
    }
    const port = this.#takePort();
    this.#ports.set(name, port);
    this.#outsiders.set(port, outsider);
    return port;
  }

  #takePort(): number {
    do {
      this.#nextPort = this.#nextPort >= LAST_PORT ? FIRST_PORT : this.#nextPort + 1;
    } while (this.#outsiders.has(this.#nextPort));
    return this.#nextPort;
  }
}
