import { allocateDomain } from '../../../../runtime/domain/build-domain.ts';
import { DomainState } from '../../../../runtime/domain/domain-state.ts';

/** Bytes of RAM of the domains that tests make. */
export const RAM_BYTES = 2 << 20;

/** A domain without a vCPU, and what its thread was told. */
export interface TestDomain {
  readonly state: DomainState;
  readonly kicked: number[];
  readonly signalled: number[];
  readonly closed: number[];
}

/** Makes a domain with nothing in it; `others` are those that it can bind to. */
export function testDomain({
  domid = 1,
  vcpus = 2,
  others = new Map(),
}: {
  domid?: number;
  vcpus?: number;
  others?: Map<number, DomainState>;
} = {}): TestDomain {
  const kicked: number[] = [];
  const signalled: number[] = [];
  const closed: number[] = [];
  const state = new DomainState(allocateDomain(domid, vcpus, RAM_BYTES), {
    kick: (vcpu) => kicked.push(vcpu),
    peers: { find: (id) => others.get(id)?.events, signal: (port) => signalled.push(port), closed: (port) => closed.push(port) },
  });
  others.set(domid, state);
  return { state, kicked, signalled, closed };
}
