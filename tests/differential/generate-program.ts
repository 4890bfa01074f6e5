import { ALIAS, CODE, COUNTERS, offsetOf, POINTERS } from './address-space.ts';
import type { CodeSize } from './encode-row.ts';
import { branch, bytes, END, half, type Item, label, type LabelAddress, type Program, withLabels, word } from './program.ts';
import type { Random } from './random.ts';
import { randomInstruction } from './random-instruction.ts';

/** Most pieces of a program. */
const MOST = 200;

/** Bytes that are an address without base and index: ModRM (reg field `reg`) and displacement. */
const absolute = (code: CodeSize, reg: number, address: number): number[] =>
  code === 64 ? [(reg << 3) | 4, 0x25, ...word(address)] : code === 32 ? [(reg << 3) | 5, ...word(address)] : [(reg << 3) | 6, ...half(address)];

/** Writes a random program piece by piece. */
class Writer {
  readonly items: Item[] = [];
  private labels = END + 1;
  private depth = 0;
  /** Labels before instructions `B8+r imm32` or `05 imm32`, whose immediates others overwrite. */
  private readonly slots: number[] = [];
  /** Labels of slots that are still to be written. */
  private readonly owed: number[] = [];
  private readonly functions: number[] = [];
  private readonly random: Random;
  private readonly code: CodeSize;
  private readonly evaluable: boolean;
  private readonly selfModifying: boolean;

  constructor(random: Random, code: CodeSize, evaluable: boolean) {
    this.random = random;
    this.code = code;
    this.evaluable = evaluable;
    this.selfModifying = random.chance(0.5);
  }

  /** Bytes of an immediate of the operand size that instructions have without a prefix. */
  private immediate(v: number): number[] {
    return this.code === 16 ? half(v) : word(v);
  }
  private branch(short: number, long: readonly number[], target: number): Item {
    return branch(short, long, target, this.code === 16);
  }
  /** Sets a pointer back to where it began. */
  private reset(pointer: number): Item {
    return bytes(0xb8 | pointer, ...this.immediate(offsetOf(this.code, POINTERS[pointer] as number)));
  }

  private fresh(): number {
    return this.labels++;
  }
  private plain(): void {
    for (const b of randomInstruction(this.random, this.code, this.evaluable)) this.items.push(bytes(...b));
  }

  /** The whole program: a body, its end, the functions it calls. */
  write(length: number): void {
    this.body(length);
    for (const slot of this.owed.splice(0)) this.slot(slot);
    this.items.push(label(END), bytes(0x0f, 0x0b));
    for (let f = this.functions.shift(); f !== undefined; f = this.functions.shift()) {
      this.depth = 3;
      this.items.push(label(f));
      this.body(this.random.between(1, 8));
      this.items.push(this.random.chance(0.2) ? bytes(0xc2, this.random.pick([0, 8]), 0) : bytes(0xc3));
    }
    for (const slot of this.owed.splice(0)) this.slot(slot);
  }

  private body(length: number): void {
    let left = length;
    while (left > 0 && this.items.length < MOST) {
      const part = Math.min(left, this.random.between(1, 12));
      left -= this.piece(part);
    }
  }

  /** One construct; returns what it counts for. */
  private piece(part: number): number {
    const { random } = this;
    const roll = random.below(100);
    if (roll < 66) this.plain();
    else if (roll < 74) this.forward(part);
    else if (roll < 80 && this.depth < 2) this.loop(part);
    else if (roll < 83 && this.depth < 3) this.call();
    else if (roll < 85) this.indirect();
    else if (roll < 87) this.dataBesideCode();
    else if (roll < 89) this.string();
    else if (roll < 91) this.flags();
    else if (roll < 93) this.stackPair();
    else if (roll < 98 && this.selfModifying) this.modify();
    else if (this.owed.length > 0) this.slot(this.owed.pop() as number);
    else {
      this.plain();
      return 1;
    }
    return roll < 66 ? 1 : part;
  }

  /** A conditional jump over some instructions, or now and then far ahead. */
  private forward(part: number): void {
    const target = this.random.chance(0.05) ? END : this.fresh();
    const condition = this.random.below(16);
    this.items.push(this.branch(0x70 | condition, [0x0f, 0x80 | condition], target));
    this.body(Math.max(1, part - 1));
    if (target !== END) this.items.push(label(target));
  }

  /** A loop of 1 to 40 rounds, counted in memory or in ECX. */
  private loop(part: number): void {
    const { random, code } = this;
    const head = this.fresh();
    const rounds = random.chance(0.7) ? random.between(1, 6) : random.between(7, 40);
    this.depth++;
    if (random.chance(0.2)) {
      this.items.push(bytes(0xb9, ...this.immediate(rounds)), label(head));
      this.body(Math.max(1, part - 2));
      this.items.push(bytes(0x83, 0xe1, 0x3f), bytes(0xff, 0xc9), this.branch(0x7f, [0x0f, 0x8f], head)); // AND ECX, 63; DEC ECX; JG
    } else {
      const counter = offsetOf(code, COUNTERS) + this.depth * 8 + random.below(2) * 64;
      this.items.push(bytes(0xc7, ...absolute(code, 0, counter), ...this.immediate(rounds)), label(head));
      this.body(Math.max(1, part - 2));
      this.items.push(bytes(0xff, ...absolute(code, 1, counter)), this.branch(0x7f, [0x0f, 0x8f], head)); // DEC counter; JG
    }
    this.depth--;
  }

  private call(): void {
    const { random, code } = this;
    let target = this.functions.at(random.below(3));
    if (target === undefined) {
      target = this.fresh();
      this.functions.push(target);
    }
    const to = target;
    if (random.chance(0.6)) this.items.push(this.branch(-1, [0xe8], to));
    else if (random.chance(0.5))
      this.items.push(
        withLabels((_, at) => [0xb8, ...this.immediate(at(to))]),
        bytes(0xff, 0xd0),
      ); // MOV EAX, f; CALL RAX
    else
      this.items.push(
        withLabels((_, at) => [0xc7, ...absolute(code, 0, offsetOf(code, COUNTERS) + 0x80), ...this.immediate(at(to))]),
        bytes(0xff, ...absolute(code, 2, offsetOf(code, COUNTERS) + 0x80)),
      );
  }

  private indirect(): void {
    const target = this.fresh();
    if (this.random.chance(0.5))
      this.items.push(
        withLabels((_, at) => [0xb8, ...this.immediate(at(target))]),
        bytes(0xff, 0xe0),
      ); // JMP RAX
    else
      this.items.push(
        withLabels((_, at) => [0x68, ...this.immediate(at(target))]),
        bytes(0xc3),
      ); // PUSH; RET
    if (this.random.chance(0.7)) this.plain();
    this.items.push(label(target));
  }

  /** Data in the middle of the code, jumped over, written and read. */
  private dataBesideCode(): void {
    const { random, code } = this;
    const data = this.fresh();
    const over = this.fresh();
    const access = random.pick([[0x89], [0x8b], [0x01], [0x03], [0x88], [0x87], [0x0f, 0xb1], [0x0f, 0xc1]]);
    this.items.push(this.branch(0xeb, [0xe9], over), label(data), bytes(...random.bytes(random.pick([4, 16, 64, 100]))), label(over));
    this.items.push(withLabels((_, at) => [...access, ...absolute(code, random.below(1), at(data))]));
  }

  private string(): void {
    const { random } = this;
    const op = random.pick([0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xa6, 0xa7]);
    const repeat = random.pick([[], [0xf3], [0xf3], [0xf2]]);
    const wide = this.code === 64 && random.chance(0.3) ? [0x48] : random.chance(0.2) ? [0x66] : [];
    if (this.evaluable) {
      this.plain();
      return;
    }
    if (random.chance(0.1)) this.items.push(bytes(0xfd));
    this.items.push(
      bytes(0xb9, ...this.immediate(random.pick([0, 1, 2, 7, 16, 33, 100]))),
      bytes(...(wide[0] === 0x66 ? [0x66, ...repeat] : [...repeat, ...wide]), op),
      bytes(0xfc),
    );
    for (const pointer of [6, 7]) this.items.push(this.reset(pointer));
  }

  /** PUSHF and POPF, with flags that do no harm. */
  private flags(): void {
    if (this.evaluable) this.items.push(bytes(this.random.pick([0xf5, 0xf8, 0xf9, 0x9e, 0x9f])));
    else if (this.random.chance(0.5)) this.items.push(bytes(0x68, ...this.immediate(this.random.bits() & 0x8d5)), bytes(0x9d));
    else this.items.push(bytes(0x9c), bytes(0x58));
  }

  private stackPair(): void {
    this.items.push(bytes(0x50 | this.random.pick([0, 1, 2])));
    this.body(this.random.between(1, 3));
    this.items.push(bytes(0x58 | this.random.pick([0, 1, 2])));
  }

  /** An instruction that others change. */
  private slot(id: number): void {
    this.slots.push(id);
    this.items.push(
      label(id),
      this.random.chance(0.5)
        ? bytes(0xb8 | this.random.pick([0, 1, 2]), ...this.immediate(this.random.bits()))
        : bytes(0x05, ...this.immediate(this.random.bits())),
    );
  }

  /** A store into an instruction that ran before, or that comes later, or next. */
  private modify(): void {
    const { random } = this;
    let id = random.chance(0.5) && this.slots.length > 0 ? random.pick(this.slots) : -1;
    const fresh = id < 0;
    if (fresh) id = this.fresh();
    this.store(id);
    if (!fresh) return;
    if (random.chance(0.5)) this.slot(id);
    else this.owed.push(id);
  }

  private store(id: number): void {
    const { random, code } = this;
    const alias = random.chance(0.2) ? offsetOf(code, ALIAS) - offsetOf(code, CODE) : 0;
    const place = (at: LabelAddress, offset = 1): number => at(id) + offset + alias;
    const value = random.bits();
    switch (random.below(this.evaluable ? 6 : 10)) {
      case 0:
        this.items.push(withLabels((_, at) => [0xfe, ...absolute(code, 0, place(at))]));
        break; // INC byte
      case 1:
        this.items.push(withLabels((_, at) => [0x89, ...absolute(code, 1, place(at))]));
        break; // MOV [..], ECX
      case 2:
        this.items.push(withLabels((_, at) => [0xf0, 0x0f, 0xc1, ...absolute(code, 2, place(at))]));
        break; // LOCK XADD
      case 3:
        this.items.push(
          withLabels((_, at) => [0xbb, ...this.immediate(place(at))]),
          bytes(0x88, 0x0b),
          this.reset(3),
        );
        break; // through RBX
      case 4:
        this.items.push(withLabels((_, at) => [0xc6, ...absolute(code, 0, place(at, 0)), 0xb8 | random.pick([0, 1, 2])]));
        break; // another opcode
      case 6:
        this.items.push(withLabels((_, at) => [0xf3, 0x0f, 0x11, ...absolute(code, 1, place(at))]));
        break; // MOVSS [..], XMM1
      case 7:
        this.items.push(withLabels((_, at) => [0xd9, ...absolute(code, 3, place(at))]));
        break; // FSTP dword
      case 8:
        this.items.push(
          withLabels((_, at) => [0xbf, ...this.immediate(place(at))]),
          bytes(0xb9, ...this.immediate(random.between(1, 4))),
          bytes(0xf3, random.pick([0xa4, 0xaa])),
        );
        for (const pointer of [6, 7]) this.items.push(this.reset(pointer));
        break;
      case 9:
        this.items.push(withLabels((_, at) => [0x8f, ...absolute(code, 0, place(at, random.below(1)))]));
        break; // POP: any bytes
      default:
        this.items.push(withLabels((_, at) => [0xc7, ...absolute(code, 0, place(at)), ...this.immediate(value)]));
    }
  }
}

/** A random program of 1 to 200 instructions. */
export function generateProgram(random: Random): Program {
  const code: CodeSize = random.pick([64, 64, 32, 32, 16]);
  const segments = code === 64 || (code === 32 && random.chance(0.6)) ? 'flat' : random.chance(0.5) ? 'based' : 'limited';
  const evaluable = segments === 'flat' && random.chance(0.4);
  const writer = new Writer(random, code, evaluable);
  writer.write(random.chance(0.3) ? random.between(1, 10) : random.chance(0.7) ? random.between(10, 60) : random.between(60, MOST));
  const start = random.chance(0.4) ? random.below(0x800) : 4096 * random.between(1, 2) - random.between(1, 300);
  return { code, segments, items: writer.items, start, evaluable, stateSeed: random.bits() };
}
