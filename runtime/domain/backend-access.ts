import { type EventChannel, type EventChannels, GrantStatus, type GrantStatusValue, type GuestGrants, type GuestPage } from '#sdk';
import type { GrantMapping } from '../grant/grant-table.ts';
import { PAGE } from '../memory/guest-ram.ts';
import type { DomainState } from './domain-state.ts';

/** Backends in the process act as domain 0. */
const BACKEND_DOMID = 0;

/** The grants of a domain, as its backends use them. */
export function guestGrants({ grants, ram }: DomainState): GuestGrants {
  const open = (ref: number, readonly: boolean): GrantMapping | GrantStatusValue => {
    const mapping = grants.map(ref >>> 0, { domid: BACKEND_DOMID, readonly });
    return typeof mapping === 'number' ? statusOf(mapping) : mapping;
  };
  const copy = (ref: number, range: { offset: number; length: number; readonly: boolean }, move: (address: number) => void): GrantStatusValue => {
    const { offset, length } = range;
    if (!Number.isInteger(offset) || offset < 0 || offset + length > PAGE) return GrantStatus.GNTST_bad_copy_arg;
    const mapping = open(ref, range.readonly);
    if (typeof mapping === 'number') return mapping;
    move(mapping.address + offset);
    mapping.release();
    return GrantStatus.GNTST_okay;
  };
  return {
    map: (ref, access): GuestPage | GrantStatusValue => {
      const mapping = open(ref, access === 'read');
      if (typeof mapping === 'number') return mapping;
      return {
        bytes: mapping.bytes,
        readOnly: mapping.readonly,
        unmap: () => {
          if (!mapping.readonly) ram.onWrite?.(mapping.address, PAGE);
          mapping.release();
        },
      };
    },
    copyFrom: (ref, offset, target) =>
      copy(ref, { offset, length: target.length, readonly: true }, (address) => target.set(ram.bytes.subarray(address, address + target.length))),
    copyTo: (ref, offset, source) => copy(ref, { offset, length: source.length, readonly: false }, (address) => ram.write(address, source)),
  };
}

/** A status of `grant_table_op` as backends know them. */
function statusOf(status: number): GrantStatusValue {
  return Object.values(GrantStatus).find((known) => known === status) ?? GrantStatus.GNTST_general_error;
}

/** The backends' ends of a domain's event channels, on the thread that is told what the domain signals. */
export class BackendChannels implements EventChannels {
  readonly #state: DomainState;
  readonly #listeners = new Map<number, () => void>();
  readonly #waiting = new Set<number>();

  constructor(state: DomainState) {
    this.#state = state;
  }

  bind(remotePort: number, listener: () => void): EventChannel | undefined {
    const { events } = this.#state;
    const port = remotePort >>> 0;
    if (this.#listeners.has(port) || !events.bindBackend(port, BACKEND_DOMID)) return undefined;
    this.#listeners.set(port, listener);
    this.signalled(port);
    return {
      notify: () => {
        if (this.#listeners.get(port) === listener) events.notify(port);
      },
      close: () => {
        if (this.#listeners.get(port) !== listener) return;
        this.#listeners.delete(port);
        events.releaseBackend(port);
      },
    };
  }

  /** The domain signalled a port: its listener is called soon, once for several events. */
  signalled(port: number): void {
    if (!this.#listeners.has(port) || this.#waiting.has(port)) return;
    this.#waiting.add(port);
    setImmediate(() => {
      this.#waiting.delete(port);
      this.#listeners.get(port)?.();
    });
  }
}
