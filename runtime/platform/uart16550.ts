import type { InterruptLine, Timer, TimerFactory, VirtualClock } from '#sdk';
import { ByteWideDevice } from './byte-wide-device.ts';
import { UartReceiver } from './chip/uart-receiver.ts';

const BAUD_BASE = 115_200;
const THR_EMPTY = 0x20;
const TRANSMITTER_IDLE = 0x40;
const LINE_ERRORS = 0x1e;

const IER_RECEIVE = 1;
const IER_TRANSMIT = 2;
const IER_LINE = 4;
const IER_MODEM = 8;

const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;
const LCR_DLAB = 0x80;

const IIR_NONE = 1;
/** A guest that waits for input goes on for ever; one that probes or sends reads the line status a few times in a row. */
const POLLING = 8;
/** CTS, DSR and DCD: there is always someone at the other end. */
const PEER_LINES = 0xb0;

/** What a serial port needs from the board. */
export interface Uart16550Deps {
  readonly clock: VirtualClock;
  readonly timers: TimerFactory;
  readonly irq: InterruptLine;
  /** Takes a byte that the guest sent. */
  transmit(byte: number): void;
}

/**
 * A 16550A serial port. The line is infinitely fast for the guest's output. Input waits outside
 * until the guest listens (its receive interrupt is on, or it polls the line status many times
 * in a row), so that what was typed early survives the probing and clearing that drivers begin with.
 */
export class Uart16550 extends ByteWideDevice {
  readonly #deps: Uart16550Deps;
  readonly #timer: Timer;
  readonly #receiver = new UartReceiver();
  #ier = 0;
  #fcr = 0;
  #lcr = 0;
  #mcr = 0;
  #scratch = 0;
  #divisor = 1;
  #modemDelta = 0;
  #thrInterrupt = true;
  #timedOut = false;
  /** Reads of the line status with nothing else between. */
  #polls = 0;

  constructor(deps: Uart16550Deps) {
    super();
    this.#deps = deps;
    this.#timer = deps.timers.create(() => {
      this.#timedOut = true;
      this.#update();
    });
  }

  /** Whether bytes from the other end still wait for room in the FIFO. */
  get hasWaiting(): boolean {
    return this.#receiver.hasWaiting;
  }

  /** Bytes from the other end; they are kept until the guest takes them. */
  receive(bytes: Iterable<number>): void {
    this.#receiver.enqueue(bytes);
    this.#listen();
  }

  protected readByte(offset: number): number {
    this.#polls = offset === 5 ? this.#polls + 1 : 0;
    switch (offset) {
      case 0:
        return this.#lcr & LCR_DLAB ? this.#divisor & 0xff : this.#readReceiver();
      case 1:
        return this.#lcr & LCR_DLAB ? this.#divisor >> 8 : this.#ier;
      case 2:
        return this.#readIdentification();
      case 3:
        return this.#lcr;
      case 4:
        return this.#mcr;
      case 5:
        return this.#readLineStatus(this.#polls >= POLLING);
      case 6:
        return this.#readModemStatus();
      default:
        return this.#scratch;
    }
  }

  protected writeByte(offset: number, value: number): void {
    this.#polls = 0;
    switch (offset) {
      case 0:
        if (this.#lcr & LCR_DLAB) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#send(value);
        return;
      case 1:
        if (this.#lcr & LCR_DLAB) this.#divisor = (this.#divisor & 0xff) | (value << 8);
        else this.#writeInterruptEnable(value);
        return;
      case 2:
        this.#fcr = value;
        this.#receiver.configure(value);
        this.#received();
        this.#listen();
        return;
      case 3:
        this.#lcr = value;
        return;
      case 4:
        this.#writeModemControl(value & 0x1f);
        return;
      case 7:
        this.#scratch = value;
    }
  }

  #send(value: number): void {
    this.#thrInterrupt = false;
    this.#update();
    if (this.#mcr & MCR_LOOP) {
      this.#receiver.force(value);
      this.#received();
    } else this.#deps.transmit(value);
    this.#thrInterrupt = true;
    this.#update();
  }

  #writeInterruptEnable(value: number): void {
    // Enabling the transmit interrupt reports an empty holding register anew.
    if (value & ~this.#ier & IER_TRANSMIT) this.#thrInterrupt = true;
    this.#ier = value & 0x0f;
    this.#listen();
    this.#update();
  }

  #writeModemControl(value: number): void {
    const before = this.#modemLines();
    this.#mcr = value;
    const after = this.#modemLines();
    const changed = (before ^ after) >> 4;
    const ringEnds = (before & ~after & 0x40) >> 4;
    this.#modemDelta |= (changed & 0x0b) | ringEnds;
    this.#listen();
    this.#update();
  }

  #readReceiver(): number {
    const byte = this.#receiver.take();
    if (this.#ier & IER_RECEIVE && !(this.#mcr & MCR_LOOP)) this.#receiver.fill();
    this.#received();
    return byte;
  }

  #readIdentification(): number {
    const source = this.#source();
    if (source === 2) {
      this.#thrInterrupt = false;
      this.#update();
    }
    return source | (this.#fcr & 1 ? 0xc0 : 0);
  }

  #readLineStatus(isPolling: boolean): number {
    if (isPolling && !(this.#mcr & MCR_LOOP) && this.#receiver.level === 0 && this.#receiver.hasWaiting) {
      this.#receiver.fill();
      this.#received();
    }
    const status = this.#receiver.status() | THR_EMPTY | TRANSMITTER_IDLE;
    this.#receiver.clearErrors();
    this.#update();
    return status;
  }

  #readModemStatus(): number {
    const status = this.#modemLines() | this.#modemDelta;
    this.#modemDelta = 0;
    this.#update();
    return status;
  }

  /** DCD, RI, DSR, CTS: the peer's, or in loopback our own OUT2, OUT1, DTR and RTS. */
  #modemLines(): number {
    const mcr = this.#mcr;
    if (!(mcr & MCR_LOOP)) return PEER_LINES;
    return ((mcr & 0x0c) << 4) | ((mcr & 0x02) << 3) | ((mcr & 0x01) << 5);
  }

  #listen(): void {
    if (!(this.#ier & IER_RECEIVE) || this.#mcr & MCR_LOOP || !this.#receiver.hasWaiting) return;
    this.#receiver.fill();
    this.#received();
  }

  /** The FIFO changed: four character times without another change are a time-out. */
  #received(): void {
    this.#timedOut = false;
    if (this.#receiver.level > 0 && !this.#receiver.atTrigger) this.#timer.arm(this.#deps.clock.now() + 4 * this.#characterNs());
    else this.#timer.cancel();
    this.#update();
  }

  #characterNs(): number {
    const bits = 7 + (this.#lcr & 3) + (this.#lcr & 4 ? 1 : 0) + (this.#lcr & 8 ? 1 : 0);
    return Math.ceil((bits * Math.max(this.#divisor, 1) * 1e9) / BAUD_BASE);
  }

  /** The pending interrupt of highest priority, as IIR shows it. */
  #source(): number {
    const ier = this.#ier;
    if (ier & IER_LINE && this.#receiver.status() & LINE_ERRORS) return 6;
    if (ier & IER_RECEIVE && this.#receiver.atTrigger) return 4;
    if (ier & IER_RECEIVE && this.#timedOut) return 12;
    if (ier & IER_TRANSMIT && this.#thrInterrupt) return 2;
    if (ier & IER_MODEM && this.#modemDelta) return 0;
    return IIR_NONE;
  }

  #update(): void {
    // On a PC, OUT2 connects the interrupt; loopback turns the pin off.
    const connected = (this.#mcr & (MCR_OUT2 | MCR_LOOP)) === MCR_OUT2;
    this.#deps.irq.set(connected && this.#source() !== IIR_NONE);
  }
}
