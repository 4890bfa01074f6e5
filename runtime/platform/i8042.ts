import type { InterruptLine } from '#sdk';
import { ByteWideDevice } from './byte-wide-device.ts';

const STATUS_OUTPUT_FULL = 0x01;
const STATUS_SYSTEM = 0x04;
const STATUS_COMMAND = 0x08;
const STATUS_UNLOCKED = 0x10;
const STATUS_TIMEOUT = 0x40;

const MODE_INTERRUPT = 0x01;
const MODE_SYSTEM = 0x04;
const MODE_KEYBOARD_OFF = 0x10;
const MODE_TRANSLATE = 0x40;

const OUTPUT_NO_RESET = 0x01;
const OUTPUT_A20 = 0x02;

/** What the controller gives when nobody answers on the keyboard's wire. */
const NO_ANSWER = 0xfe;
const QUEUE_LIMIT = 16;

/** What the keyboard controller drives. */
export interface I8042Deps {
  readonly irq: InterruptLine;
  setA20(enabled: boolean): void;
  reset(): void;
}

interface Answer {
  readonly byte: number;
  readonly timeout: boolean;
}

/**
 * The 8042 keyboard controller, ports 60h and 64h, with neither keyboard nor mouse at it. Its
 * self-test passes, whoever talks to the keyboard gets the controller's time-out, and the output
 * port works A20 and the reset line.
 */
export class I8042 {
  readonly #core: I8042Core;
  /** Port 60h. */
  readonly data: ByteWideDevice;
  /** Port 64h. */
  readonly command: ByteWideDevice;

  constructor(deps: I8042Deps) {
    const core = new I8042Core(deps);
    this.#core = core;
    this.data = new I8042Register({ read: () => core.readData(), write: (value) => core.writeData(value) });
    this.command = new I8042Register({ read: () => core.status(), write: (value) => core.writeCommand(value) });
  }

  /** Whether the output port holds A20 open. */
  get a20(): boolean {
    return this.#core.a20;
  }
}

interface Accessors {
  read(): number;
  write(value: number): void;
}

class I8042Register extends ByteWideDevice {
  readonly #accessors: Accessors;

  constructor(accessors: Accessors) {
    super();
    this.#accessors = accessors;
  }

  protected readByte(): number {
    return this.#accessors.read();
  }

  protected writeByte(_offset: number, value: number): void {
    this.#accessors.write(value);
  }
}

class I8042Core {
  readonly #deps: I8042Deps;
  readonly #ram = new Uint8Array(32);
  #answers: Answer[] = [];
  #lastByte = 0;
  #lastWasCommand = false;
  /** The command whose parameter the next data byte is. */
  #pendingCommand: number | null = null;
  #outputPort = OUTPUT_NO_RESET | OUTPUT_A20 | 0xcc;

  constructor(deps: I8042Deps) {
    this.#deps = deps;
    this.#ram[0] = MODE_TRANSLATE | MODE_SYSTEM | MODE_KEYBOARD_OFF;
  }

  get a20(): boolean {
    return (this.#outputPort & OUTPUT_A20) !== 0;
  }

  status(): number {
    const answer = this.#answers[0];
    let status = STATUS_UNLOCKED;
    if (answer !== undefined) status |= STATUS_OUTPUT_FULL | (answer.timeout ? STATUS_TIMEOUT : 0);
    if (this.#mode() & MODE_SYSTEM) status |= STATUS_SYSTEM;
    if (this.#lastWasCommand) status |= STATUS_COMMAND;
    return status;
  }

  readData(): number {
    const answer = this.#answers.shift();
    if (answer === undefined) return this.#lastByte;
    this.#lastByte = answer.byte;
    this.#deps.irq.set(false);
    this.#update();
    return answer.byte;
  }

  writeCommand(value: number): void {
    this.#lastWasCommand = true;
    this.#pendingCommand = null;
    if (value >= 0x20 && value < 0x40) this.#answer(this.#ram[value & 0x1f] ?? 0);
    else if ((value >= 0x60 && value < 0x80) || (value >= 0xd1 && value <= 0xd4)) this.#pendingCommand = value;
    else if (value >= 0xf0) this.#pulse(value);
    else this.#execute(value);
  }

  writeData(value: number): void {
    this.#lastWasCommand = false;
    const command = this.#pendingCommand;
    this.#pendingCommand = null;
    if (command === null) {
      // A byte for the keyboard also turns its interface on.
      this.#setMode(this.#mode() & ~MODE_KEYBOARD_OFF);
      this.#answer(NO_ANSWER, true);
    } else if (command < 0x80) this.#writeRam(command & 0x1f, value);
    else if (command === 0xd1) this.#setOutputPort(value);
    else if (command === 0xd2 || command === 0xd3) this.#answer(value);
    else this.#answer(NO_ANSWER, true);
  }

  #execute(command: number): void {
    switch (command) {
      case 0xa9:
        // The test of the mouse's wires fails: this board has no such connector.
        this.#answer(0x01);
        return;
      case 0xaa:
        this.#answers = [];
        this.#setMode(MODE_TRANSLATE | MODE_SYSTEM | MODE_KEYBOARD_OFF);
        this.#answer(0x55);
        return;
      case 0xab:
        this.#answer(0x00);
        return;
      case 0xad:
        this.#setMode(this.#mode() | MODE_KEYBOARD_OFF);
        return;
      case 0xae:
        this.#setMode(this.#mode() & ~MODE_KEYBOARD_OFF);
        return;
      case 0xc0:
        this.#answer(0xa0);
        return;
      case 0xd0:
        this.#answer(this.#outputPort);
        return;
      case 0xdd:
        this.#setOutputPort(this.#outputPort & ~OUTPUT_A20);
        return;
      case 0xdf:
        this.#setOutputPort(this.#outputPort | OUTPUT_A20);
        return;
      case 0xe0:
        this.#answer(0x00);
    }
  }

  #pulse(command: number): void {
    if (!(command & 1)) this.#deps.reset();
  }

  #setOutputPort(value: number): void {
    this.#outputPort = value;
    this.#deps.setA20(this.a20);
    if (!(value & OUTPUT_NO_RESET)) this.#deps.reset();
  }

  #mode(): number {
    return this.#ram[0] ?? 0;
  }

  #setMode(value: number): void {
    this.#ram[0] = value;
    this.#update();
  }

  #writeRam(index: number, value: number): void {
    this.#ram[index] = value;
    this.#update();
  }

  #answer(byte: number, timeout = false): void {
    if (this.#answers.length < QUEUE_LIMIT) this.#answers.push({ byte, timeout });
    this.#update();
  }

  #update(): void {
    this.#deps.irq.set(this.#answers.length > 0 && (this.#mode() & MODE_INTERRUPT) !== 0);
  }
}
