import {
  ChecksumState,
  completeChecksum,
  FakeGuest,
  fakeHost,
  GsoType,
  type NetFrame,
  netFrame,
  Offloader,
  type TimerFactory,
  type Vif,
  type VirtualClock,
} from '#sdk';
import type { DnsRecord } from '../../../../plugins/vif-user/dns/dns-message.ts';
import type { NameSource } from '../../../../plugins/vif-user/dns/name-source.ts';
import { userDefaults } from '../../../../plugins/vif-user/options.ts';
import { UserNetwork, type UserNetworkSettings } from '../../../../plugins/vif-user/user.ts';
import { emptySegment, readSegment, type TcpSegment } from '../../../../plugins/vif-user/tcp/index.ts';
import { ModelPeer } from './model-peer.ts';
import { type IpView, readIp, tcpFrame } from './packets.ts';

/** The real time, in the shape that backends get it. */
export const realTime: { clock: VirtualClock; timers: TimerFactory } = {
  clock: { now: () => Math.floor(performance.now() * 1e6) },
  timers: {
    create: (fire) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const cancel = (): void => clearTimeout(timer);
      return {
        arm: (atNs) => {
          cancel();
          timer = setTimeout(fire, Math.max(0, atNs / 1e6 - performance.now()));
        },
        cancel,
      };
    },
  },
};

/** Names that nobody is asked for. */
export function fakeNames(answers: Readonly<Record<string, DnsRecord[]>> = {}): NameSource {
  return {
    resolve: async (name, type) => {
      const found = answers[`${name} ${type}`];
      if (found !== undefined) return found;
      if (name === 'broken') throw Object.assign(new Error('nobody answers'), { code: 'ETIMEOUT' });
      throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    },
    close: () => {},
  };
}

const NO_ABILITY = { checksumV4: false, checksumV6: false, gsoV4: false, gsoV6: false };

/** A user-mode network with nobody at the other end but the test. */
export class UserBench {
  /** Frames for the guest, as they go over a wire. */
  readonly frames: Uint8Array[] = [];
  readonly network: UserNetwork;
  /** Called for each TCP segment for the guest. */
  readonly #peers = new Map<string, (segment: TcpSegment) => void>();
  readonly #waiters: (() => void)[] = [];
  #nextPort = 40_000;

  constructor(settings: Partial<UserNetworkSettings> = {}) {
    const offloader = new Offloader();
    const vif: Vif = {
      name: 'vif1.0',
      domid: 1,
      mac: undefined,
      connected: true,
      deliver: (frame) => {
        offloader.convert(frame, NO_ABILITY, (each) => this.#take(each.bytes.slice(0, each.length)));
        return true;
      },
    };
    this.network = new UserNetwork(vif, { ...userDefaults, ...realTime, names: fakeNames(), ...settings });
  }

  /** IP packets that came, of one protocol or all. */
  packets(protocol?: number): IpView[] {
    return this.frames.flatMap((frame) => readIp(frame) ?? []).filter((packet) => protocol === undefined || packet.protocol === protocol);
  }

  /** Sends a frame of the guest. */
  send(bytes: Uint8Array, offload: Partial<Omit<NetFrame, 'bytes'>> = {}): void {
    this.network.receive(netFrame(bytes, offload));
  }

  /** Waits until something holds; looks after each frame and now and then. */
  async until(holds: () => boolean, what: string): Promise<void> {
    const end = performance.now() + 10_000;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`${what}: not within 10 s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 5);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** A TCP connection of the guest to `to:port`. */
  connect(to: string, port: number, { ownPort = this.#nextPort++, from = '10.0.2.15', window = 60_000 } = {}): ModelPeer {
    const peer = this.#peer(to, port, ownPort, from, window);
    peer.open();
    return peer;
  }

  /** Answers the next connection from outside to a port of the guest. */
  listen(ownPort: number): Promise<ModelPeer> {
    return new Promise((resolve) => {
      this.#peers.set(`${ownPort}`, (segment) => {
        const peer = this.#peer('10.0.2.2', segment.sourcePort, ownPort, '10.0.2.15', 60_000);
        peer.listen();
        peer.receive(segment);
        resolve(peer);
      });
    });
  }

  #peer(to: string, port: number, ownPort: number, from: string, window: number): ModelPeer {
    const peer = new ModelPeer({ time: realTime, initialSequence: 12_345, window, send: (bytes) => this.send(tcpFrame(from, ownPort, to, port, bytes)) });
    this.#peers.set(`${to}:${port}-${ownPort}`, (segment) => peer.receive(segment));
    return peer;
  }

  #take(frame: Uint8Array): void {
    this.frames.push(frame);
    const packet = readIp(frame);
    if (packet?.protocol === 6) {
      const segment = emptySegment();
      readSegment(packet.payload, 0, packet.payload.length, segment);
      const known = this.#peers.get(`${packet.from}:${segment.sourcePort}-${segment.destinationPort}`) ?? this.#peers.get(`${segment.destinationPort}`);
      // Not within the network's own call: a wire takes time.
      if (known !== undefined) queueMicrotask(() => known(segment));
    }
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

/** What the plugin gets for a vif with these settings. */
export function userEnvironment(settings: Readonly<Record<string, string>>) {
  const guest = new FakeGuest();
  return { guest, host: fakeHost(guest.time), environment: { ...guest.environment({ type: 'vif', id: 0, settings }), ...realTime } };
}

export { ChecksumState, completeChecksum, GsoType };
