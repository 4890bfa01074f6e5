import type { Backend, BackendEnvironment, BackendStats } from '../backend.ts';
import type { FrontendNodes, NodeValues } from '../store-access.ts';
import { getU16, getU32 } from './internet-checksum.ts';
import { locateTransport, transportPlace } from './locate-transport.ts';
import type { NetFrame } from './net-frame.ts';
import { NetifQueue } from './netif-queue.ts';
import { type OffloadAbility, Offloader } from './offload.ts';
import { parseTxRate, TxCredit } from './tx-credit.ts';
import type { Vif, VifLink } from './vif.ts';
import { vifCounters } from './vif-counters.ts';

/** Most pairs of rings that a frontend may use. */
const MOST_QUEUES = 4;

const NO_ABILITY: OffloadAbility = { checksumV4: false, checksumV6: false, gsoV4: false, gsoV6: false };

/** The backend of a vif: speaks netif with the frontend, and Ethernet with the network behind it. */
export class NetworkBackend implements Backend, Vif {
  readonly name: string;
  readonly domid: number;
  readonly mac: string | undefined;
  readonly #environment: BackendEnvironment;
  readonly #counters = vifCounters();
  readonly #offloader = new Offloader();
  readonly #place = transportPlace();
  readonly #credit: TxCredit | undefined;
  #link: VifLink | undefined;
  #queues: NetifQueue[] = [];
  #ability = NO_ABILITY;
  #connected = false;

  constructor(environment: BackendEnvironment) {
    this.#environment = environment;
    this.domid = environment.frontendDomid;
    this.name = `vif${environment.frontendDomid}.${environment.deviceId}`;
    this.mac = environment.settings['mac'];
    const rate = parseTxRate(environment.settings['rate']);
    this.#credit = rate === undefined ? undefined : new TxCredit(rate, environment.clock, environment.timers);
  }

  /** Plugs the cable into a network. Once, before anything else. */
  plug(link: VifLink): void {
    this.#link = link;
  }

  get connected(): boolean {
    return this.#connected;
  }

  features(): NodeValues {
    return {
      'feature-sg': 1,
      'feature-gso-tcpv4': 1,
      'feature-gso-tcpv6': 1,
      'feature-ipv6-csum-offload': 1,
      'feature-rx-copy': 1,
      'feature-rx-flip': 0,
      'feature-split-event-channels': 1,
      'multi-queue-max-queues': MOST_QUEUES,
    };
  }

  connect(frontend: FrontendNodes): NodeValues {
    if (frontend.readNumber('request-rx-copy') !== 1) throw new Error('request-rx-copy is not 1, and nothing else is offered');
    const count = frontend.readNumber('multi-queue-num-queues') ?? 1;
    if (count < 1 || count > MOST_QUEUES) throw new Error(`multi-queue-num-queues is ${count}, and 1 to ${MOST_QUEUES} are offered`);
    const has = (name: string): boolean => frontend.readNumber(name) === 1;
    const severalSlots = has('feature-sg');
    this.#ability = {
      checksumV4: !has('feature-no-csum-offload'),
      checksumV6: has('feature-ipv6-csum-offload'),
      gsoV4: severalSlots && has('feature-gso-tcpv4'),
      gsoV6: severalSlots && has('feature-gso-tcpv6'),
    };
    for (let i = 0; i < count; i++) {
      const prefix = count === 1 ? '' : `queue-${i}/`;
      this.#queues.push(
        new NetifQueue({
          environment: this.#environment,
          frontend,
          prefix,
          counters: this.#counters,
          severalSlots,
          take: (frame) => this.#link?.receive(frame),
          credit: this.#credit,
        }),
      );
    }
    this.#connected = true;
    this.#link?.connected?.();
    return {};
  }

  disconnect(): void {
    const wasConnected = this.#connected;
    this.#credit?.stop();
    this.#connected = false;
    for (const queue of this.#queues.splice(0)) queue.close();
    if (wasConnected) this.#link?.disconnected?.();
  }

  close(): void | Promise<void> {
    this.disconnect();
    return this.#link?.close?.();
  }

  stats(): BackendStats {
    return { ...this.#counters, ...this.#link?.stats?.() };
  }

  deliver(frame: NetFrame): boolean {
    const queue = this.#queueFor(frame);
    if (queue === undefined) {
      this.#counters.receiveDropped += 1;
      return false;
    }
    let taken = false;
    this.#offloader.convert(frame, this.#ability, (converted) => {
      taken = queue.deliver(converted) || taken;
    });
    return taken;
  }

  /** Frames of one flow keep to one queue, and so their order. */
  #queueFor({ bytes, length }: NetFrame): NetifQueue | undefined {
    if (this.#queues.length < 2) return this.#queues[0];
    const place = this.#place;
    if (!locateTransport(bytes, length, place)) return this.#queues[0];
    const hash = getU16(bytes, place.transport) + getU16(bytes, place.transport + 2) + (getU32(bytes, place.transport - 8) % 0xffff);
    return this.#queues[hash % this.#queues.length];
  }
}
