import type { EventChannel, EventChannels } from '../../backend/event-channels.ts';

interface Port {
  readonly listener: () => void;
  backend: (() => void) | undefined;
  pending: boolean;
}

/** The event channels of a guest that is none. */
export class FakeEvents implements EventChannels {
  readonly #ports = new Map<number, Port>();
  #nextPort = 1;

  /** Allocates a port for the backend, as EVTCHNOP_alloc_unbound does; `listener` is the guest's interrupt handler. */
  allocate(listener: () => void): number {
    const port = this.#nextPort++;
    this.#ports.set(port, { listener, backend: undefined, pending: false });
    return port;
  }

  /** The guest closes a port. */
  free(port: number): void {
    this.#ports.delete(port);
  }

  /** The guest raises an event. */
  send(port: number): void {
    const bound = this.#ports.get(port);
    if (bound === undefined || bound.pending) return;
    bound.pending = true;
    if (bound.backend !== undefined) this.#deliver(bound);
  }

  /** Number of ports to which a backend is bound. */
  get bound(): number {
    return [...this.#ports.values()].filter(({ backend }) => backend !== undefined).length;
  }

  bind(remotePort: number, listener: () => void): EventChannel | undefined {
    const port = this.#ports.get(remotePort);
    if (port === undefined || port.backend !== undefined) return undefined;
    port.backend = listener;
    port.pending = true;
    this.#deliver(port);
    return {
      notify: () => {
        if (port.backend === listener && this.#ports.get(remotePort) === port) queueMicrotask(port.listener);
      },
      close: () => {
        if (port.backend === listener) port.backend = undefined;
      },
    };
  }

  #deliver(port: Port): void {
    queueMicrotask(() => {
      if (port.backend === undefined) return;
      port.pending = false;
      port.backend();
    });
  }
}
