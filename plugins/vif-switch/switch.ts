import { ETHERNET_HEADER_BYTES, getU16, type NetFrame } from '#sdk';
import { MacTable, macAt } from './mac-table.ts';

/** Takes frames on behalf of a port. */
export interface FrameSink {
  /** Takes a frame, which is valid until the call returns; whether it was taken. */
  deliver(frame: NetFrame): boolean;
}

/** What has gone through a port, as the port's owner sees it. */
export interface PortCounters {
  /** Frames that came from the owner. */
  framesIn: number;
  /** Bytes that came from the owner. */
  bytesIn: number;
  /** Frames that went to the owner. */
  framesOut: number;
  /** Bytes that went to the owner. */
  bytesOut: number;
  /** Frames from the owner that were refused: too short, or with an address that is not the owner's. */
  refused: number;
  /** Frames to the owner that it did not take. */
  dropped: number;
}

/** Sees every frame that a port sent or was sent. */
export interface SwitchTap {
  /** A frame on a port; `outbound` is from the switch to the port's owner. */
  frame(port: SwitchPort, frame: NetFrame, outbound: boolean): void;
}

/** How a switch behaves. */
export interface SwitchSettings {
  /** For how long an address that is not heard of stays known. */
  readonly ageingMs: number;
  /** Most addresses that are known at once. */
  readonly addresses: number;
  /** Milliseconds on any clock that does not go back. */
  readonly nowMs: () => number;
}

/** One place on a switch. */
export interface SwitchPort {
  /** Its name, for the dump: `vif3.0`. */
  readonly name: string;
  /** What has gone through it. */
  readonly counters: Readonly<PortCounters>;
  /** Takes a frame from its owner and hands it on at once. */
  receive(frame: NetFrame): void;
  /** Leaves the switch; what was learnt about it is forgotten. */
  detach(): void;
}

/** How a port is attached. */
export interface PortSettings {
  /** Its name. */
  readonly name: string;
  /** The only source address that it may use, as a number; undefined for any. */
  readonly onlyAddress?: number | undefined;
}

class Port implements SwitchPort {
  readonly name: string;
  readonly sink: FrameSink;
  readonly onlyAddress: number | undefined;
  readonly counters: PortCounters = { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0, refused: 0, dropped: 0 };
  readonly #owner: LearningSwitch;

  constructor(owner: LearningSwitch, sink: FrameSink, { name, onlyAddress }: PortSettings) {
    this.#owner = owner;
    this.sink = sink;
    this.name = name;
    this.onlyAddress = onlyAddress;
  }

  receive(frame: NetFrame): void {
    this.#owner.forward(this, frame);
  }

  detach(): void {
    this.#owner.remove(this);
  }
}

/**
 * An Ethernet switch that learns who is where from the frames that it sees.
 * Hot path: nothing is allocated for a frame between known addresses.
 */
export class LearningSwitch {
  readonly #ports = new Set<Port>();
  readonly #table: MacTable<Port>;
  readonly #nowMs: () => number;
  #tap: SwitchTap | undefined;

  constructor({ ageingMs, addresses, nowMs }: SwitchSettings) {
    this.#table = new MacTable({ ageingMs, capacity: addresses });
    this.#nowMs = nowMs;
  }

  /** The ports that are attached, in the order in which they were. */
  get ports(): readonly SwitchPort[] {
    return [...this.#ports];
  }

  /** Addresses that are known and have not aged. */
  get knownAddresses(): number {
    return this.#table.countFresh(this.#nowMs());
  }

  /** Shows every frame to `tap`, or to nobody. */
  observe(tap: SwitchTap | undefined): void {
    this.#tap = tap;
  }

  /** Attaches an owner, who takes frames through `sink`. */
  attach(sink: FrameSink, settings: PortSettings): SwitchPort {
    const port = new Port(this, sink, settings);
    this.#ports.add(port);
    return port;
  }

  /** Detaches a port; for {@link SwitchPort.detach}. */
  remove(port: SwitchPort): void {
    if (!this.#ports.delete(port as Port)) return;
    this.#table.forget(port as Port);
  }

  /** Takes a frame from a port; for {@link SwitchPort.receive}. */
  forward(from: Port, frame: NetFrame): void {
    if (!this.#ports.has(from)) return;
    const { bytes, length } = frame;
    const { counters } = from;
    counters.framesIn += 1;
    counters.bytesIn += length;
    this.#tap?.frame(from, frame, false);
    if (length < ETHERNET_HEADER_BYTES || !mayUse(from, bytes)) {
      counters.refused += 1;
      return;
    }
    const nowMs = this.#nowMs();
    this.#table.learn(macAt(bytes, 6), from, nowMs);
    const isGroup = ((bytes[0] ?? 0) & 1) !== 0;
    const known = isGroup ? undefined : this.#table.find(macAt(bytes, 0), nowMs);
    if (known !== undefined) {
      if (known !== from) this.#send(known, frame);
    } else if (!isGroup || !isLinkLocal(bytes)) {
      for (const port of this.#ports) if (port !== from) this.#send(port, frame);
    }
  }

  #send(port: Port, frame: NetFrame): void {
    const { counters } = port;
    if (!port.sink.deliver(frame)) {
      counters.dropped += 1;
      return;
    }
    counters.framesOut += 1;
    counters.bytesOut += frame.length;
    this.#tap?.frame(port, frame, true);
  }
}

/** Whether a port may send with the source address of a frame: a group's can't be a source, and another's need not be allowed. */
function mayUse({ onlyAddress }: Port, bytes: Uint8Array): boolean {
  return ((bytes[6] ?? 0) & 1) === 0 && (onlyAddress === undefined || macAt(bytes, 6) === onlyAddress);
}

/** Addresses 01:80:C2:00:00:00 to 0F are for the next bridge alone, and are never passed on (802.1D, 7.12.6). */
function isLinkLocal(bytes: Uint8Array): boolean {
  return getU16(bytes, 0) === 0x0180 && getU16(bytes, 2) === 0xc200 && (bytes[4] ?? 0) === 0 && (bytes[5] ?? 0) < 0x10;
}
