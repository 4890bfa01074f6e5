/** Hot path: SCAS and CMPS. A fault leaves the flags of the last pair that was compared, as AMD processors do. */
import { setCompareFlags } from "./flags";
import { readOperand } from "./segment";
import { ES, gpr, RAX, RDI, RSI } from "./state";
import {
  advance, countDown, endString, indexOf, isBackwards, loadElement, openWindow, remaining, shouldStop, windowRam,
} from "./string-window";
import { READ } from "./translate";

let left: u64 = 0;
let right: u64 = 0;

/** True when the repetition goes on after comparing `left` with `right`. */
// @ts-ignore: decorator
@inline function goesOn(rep: i32): bool { return rep == 1 ? left == right : left != right; }

/** Scans up to `wanted` elements; returns how many were looked at. */
function scanWindow(size: i32, rep: i32, wanted: u64): i32 {
  const count = wanted == 1 ? 0 : openWindow(ES, indexOf(RDI), READ, wanted);
  if (!count) {
    right = readOperand(ES, indexOf(RDI), size);
    return 1;
  }
  const step = isBackwards() ? -size : size;
  let address = windowRam;
  for (let i = 1; i <= count; i++) {
    right = loadElement(address, size);
    if (!goesOn(rep)) return i;
    address += step;
  }
  return count;
}

/** SCAS: compares the accumulator with ES:rDI. */
export function scas(size: i32, rep: i32): void {
  let wanted = remaining();
  if (!wanted) {
    endString(true);
    return;
  }
  left = size == 8 ? gpr(RAX) : gpr(RAX) & (((<u64>1) << (size << 3)) - 1);
  let complete = false;
  while (true) {
    const count = scanWindow(size, rep, wanted);
    advance(RDI, count);
    countDown(count);
    wanted -= count;
    complete = wanted == 0 || !goesOn(rep);
    setCompareFlags(left, right, size);
    if (complete || shouldStop()) break;
  }
  endString(complete);
}

/** Compares up to `wanted` pairs; returns how many were looked at. */
function compareWindow(size: i32, rep: i32, seg: i32, wanted: u64): i32 {
  let count = wanted == 1 ? 0 : openWindow(seg, indexOf(RSI), READ, wanted);
  let first = windowRam;
  if (count) count = openWindow(ES, indexOf(RDI), READ, count);
  if (!count) {
    const value = readOperand(seg, indexOf(RSI), size);
    right = readOperand(ES, indexOf(RDI), size);
    left = value;
    return 1;
  }
  let second = windowRam;
  const step = isBackwards() ? -size : size;
  for (let i = 1; i <= count; i++) {
    left = loadElement(first, size);
    right = loadElement(second, size);
    if (!goesOn(rep)) return i;
    first += step;
    second += step;
  }
  return count;
}

/** CMPS: compares seg:rSI with ES:rDI. */
export function cmps(size: i32, rep: i32, seg: i32): void {
  let wanted = remaining();
  if (!wanted) {
    endString(true);
    return;
  }
  let complete = false;
  while (true) {
    const count = compareWindow(size, rep, seg, wanted);
    advance(RSI, count);
    advance(RDI, count);
    countDown(count);
    wanted -= count;
    complete = wanted == 0 || !goesOn(rep);
    setCompareFlags(left, right, size);
    if (complete || shouldStop()) break;
  }
  endString(complete);
}
