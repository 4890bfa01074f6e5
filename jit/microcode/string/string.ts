/** Hot path: string instructions. MOVS, STOS and LODS are here, in bulk between RAM pages. SDM vol 2. */
import { ramCopy, ramFill } from "../host";
import { noteStore } from "../mmu/physical";
import { readOperand, writeOperand } from "../segment/segment";
import { ES, gpr, RAX, RDI, RSI, setRegister } from "../state";
import { cmps, scas } from "./string-compare";
import { ins, outs } from "./string-port";
import {
  advance, beginString, countDown, endString, indexOf, isBackwards, loadElement, openWindow, remaining, shouldStop,
  storeElement, windowRam,
} from "./string-window";
import { READ, WRITE } from "../mmu/translate";

function moveOne(size: i32, seg: i32): i32 {
  const value = readOperand(seg, indexOf(RSI), size);
  writeOperand(ES, indexOf(RDI), size, value);
  return 1;
}

/** Copies upwards as a loop over elements would, when source and destination may overlap. */
function copyUp(destination: i32, source: i32, length: i32): void {
  const distance = destination - source;
  if (<u32>distance >= <u32>length) {
    ramCopy(destination, source, length);
    return;
  }
  // The bytes between source and destination repeat; every copy doubles what there is of them.
  let copied = 0;
  while (copied < length) {
    const available = distance + copied;
    const rest = length - copied;
    const step = available < rest ? available : rest;
    ramCopy(destination + copied, source, step);
    copied += step;
  }
}

/** Moves elements downwards or so close together that they overlap themselves. */
function moveElements(destination: i32, source: i32, count: i32, step: i32, size: i32): void {
  let from = source;
  let to = destination;
  for (let i = 0; i < count; i++) {
    storeElement(to, size, loadElement(from, size));
    from += step;
    to += step;
  }
}

function movs(size: i32, seg: i32, wanted: u64): i32 {
  if (wanted == 1) return moveOne(size, seg);
  let count = openWindow(seg, indexOf(RSI), READ, wanted);
  if (!count) return moveOne(size, seg);
  const source = windowRam;
  count = openWindow(ES, indexOf(RDI), WRITE, count);
  if (!count) return moveOne(size, seg);
  const destination = windowRam;
  const length = count * size;
  if (isBackwards()) {
    const low = destination - length + size;
    const lowSource = source - length + size;
    if (<u32>(lowSource - low) >= <u32>length || lowSource == low) ramCopy(low, lowSource, length);
    else moveElements(destination, source, count, -size, size);
    noteStore(<u64><u32>low, length);
    return count;
  }
  const distance = destination - source;
  if (<u32>distance < <u32>size) moveElements(destination, source, count, size, size);
  else copyUp(destination, source, length);
  noteStore(<u64><u32>destination, length);
  return count;
}

/** Fills `length` bytes with an element by doubling what is there. */
function fillPattern(address: i32, length: i32, size: i32, value: u64): void {
  const byte = value & 0xff;
  const mask = size == 8 ? ~(<u64>0) : ((<u64>1) << (size << 3)) - 1;
  if (value == ((byte * 0x0101010101010101) & mask)) {
    ramFill(address, <i32>byte, length);
    return;
  }
  storeElement(address, size, value);
  let filled = size;
  while (filled < length) {
    const rest = length - filled;
    const step = filled < rest ? filled : rest;
    ramCopy(address + filled, address, step);
    filled += step;
  }
}

/** The low `size` bytes of RAX. */
export function accumulator(size: i32): u64 {
  return size == 8 ? gpr(RAX) : gpr(RAX) & (((<u64>1) << (size << 3)) - 1);
}

function stos(size: i32, wanted: u64): i32 {
  const value = accumulator(size);
  const count = wanted == 1 ? 0 : openWindow(ES, indexOf(RDI), WRITE, wanted);
  if (!count) {
    writeOperand(ES, indexOf(RDI), size, value);
    return 1;
  }
  const length = count * size;
  const low = isBackwards() ? windowRam - length + size : windowRam;
  fillPattern(low, length, size, value);
  noteStore(<u64><u32>low, length);
  return count;
}

function lods(size: i32, seg: i32, wanted: u64): i32 {
  const count = wanted == 1 ? 0 : openWindow(seg, indexOf(RSI), READ, wanted);
  if (!count) {
    setRegister(RAX, size, readOperand(seg, indexOf(RSI), size));
    return 1;
  }
  const last = (count - 1) * size;
  setRegister(RAX, size, loadElement(isBackwards() ? windowRam - last : windowRam + last, size));
  return count;
}

/** MOVS, STOS, LODS: registers move with every chunk, so that a fault leaves exact progress. */
function transfer(op: i32, size: i32, seg: i32): void {
  let wanted = remaining();
  while (wanted) {
    const count = op == 0 ? movs(size, seg, wanted) : op == 1 ? stos(size, wanted) : lods(size, seg, wanted);
    if (op != 1) advance(RSI, count);
    if (op != 2) advance(RDI, count);
    countDown(count);
    wanted -= count;
    if (wanted && shouldStop()) {
      endString(false);
      return;
    }
  }
  endString(true);
}

/**
 * Any string instruction. `op`: 0 MOVS 1 STOS 2 LODS 3 SCAS 4 CMPS 5 INS 6 OUTS; `rep`: 0 none, 1 REP or REPE, 2 REPNE;
 * `seg`: segment of the source. With work left RIP stays at the instruction.
 */
export function stringOp(op: i32, size: i32, addressBits: i32, rep: i32, seg: i32): void {
  beginString(size, addressBits, rep);
  if (op < 3) transfer(op, size, seg);
  else if (op == 3) scas(size, rep);
  else if (op == 4) cmps(size, rep, seg);
  else if (op == 5) ins(size);
  else outs(size, seg);
}
