import { Board } from '#jit';
import { DomainState } from '../domain/domain-state.ts';
import type { EventChannels } from '../event/event-channels.ts';
import { DomainBoard } from './domain-board.ts';
import type { Doorbell } from './doorbell.ts';
import { MOST_CORES } from './hosted-vcpu.ts';
import type { PeerDomain } from './pcpu-protocol.ts';

interface Peer {
  readonly domain: PeerDomain;
  readonly cores: Board;
  state: DomainState | undefined;
}

/** All domains that there are, as a thread that does not run them knows them. */
export class PeerDomains {
  readonly #doorbells: readonly Doorbell[];
  readonly #peers = new Map<number, Peer>();

  /** @param doorbells - of all pCPUs */
  constructor(doorbells: readonly Doorbell[]) {
    this.#doorbells = doorbells;
  }

  add(domain: PeerDomain): void {
    this.#peers.set(domain.handle.domid, { domain, cores: new Board(domain.handle.board), state: undefined });
  }

  delete(domid: number): void {
    this.#peers.delete(domid);
  }

  /** Wakes a pCPU, or has what it runs look up within microseconds. */
  nudge(pcpu: number): void {
    const doorbell = this.#doorbells[pcpu];
    if (doorbell === undefined) return;
    doorbell.ring();
    this.#peers.get(doorbell.running)?.cores.kick(pcpu % MOST_CORES);
  }

  /** The event channels of a domain. */
  find(domid: number): EventChannels | undefined {
    const peer = this.#peers.get(domid);
    if (peer === undefined) return undefined;
    peer.state ??= this.#stateOf(peer);
    return peer.state.events;
  }

  #stateOf({ domain }: Peer): DomainState {
    const board = new DomainBoard(domain.board);
    const kick = (vcpu: number): void => {
      board.kick(vcpu);
      this.nudge(board.homeOf(vcpu));
    };
    return new DomainState(domain.handle, { kick, peers: { find: (other) => this.find(other), signal: () => undefined, closed: () => undefined } });
  }
}
