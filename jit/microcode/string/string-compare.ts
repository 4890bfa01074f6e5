/** Hot path: SCAS and CMPS. A fault leaves the flags of the last pair that was compared, as AMD processors do. */
import { setCompareFlags } from "../flags";
import { ramLoad64 } from "../host";
import { readOperand } from "../segment/segment";
import { ES, gpr, RAX, RDI, RSI } from "../state";
import {
  advance, countDown, endString, indexOf, isBackwards, loadElement, openWindow, remaining, shouldStop, windowRam,
} from "./string-window";
import { READ } from "../mmu/translate";

let left: u64 = 0;
let right: u64 = 0;

/** True when the repetition goes on after comparing `left` with `right`. */
// @ts-ignore: decorator
@inline function goesOn(rep: i32): bool { return rep == 1 ? left == right : left != right; }

/** Bytes from `address` on, in eights, that REPE or REPNE SCASB need not stop at; the last of `count` is left over. */
function skipBytes(address: i32, rep: i32, count: i32): i32 {
  const pattern = left * 0x0101010101010101;
  let skipped = 0;
  while (skipped + 8 < count) {
    const difference = <u64>ramLoad64(address + skipped) ^ pattern;
    // A byte that is zero borrows into its own top bit.
    const zeroes = (difference - 0x0101010101010101) & ~difference & 0x8080808080808080;
    if (rep == 1 ? difference != 0 : zeroes != 0) break;
    skipped += 8;
  }
  return skipped;
}

/** Scans up to `wanted` elements; returns how many were looked at. */
function scanWindow(size: i32, rep: i32, wanted: u64): i32 {
  const count = wanted == 1 ? 0 : openWindow(ES, indexOf(RDI), READ, wanted);
  if (!count) {
    right = readOperand(ES, indexOf(RDI), size);
    return 1;
  }
  const step = isBackwards() ? -size : size;
  const skipped = size == 1 && step == 1 ? skipBytes(windowRam, rep, count) : 0;
  let address = windowRam + skipped;
  for (let i = skipped + 1; i <= count; i++) {
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

/** Bytes in eights that are equal in both strings; the last element is left over. */
function skipEqual(first: i32, second: i32, length: i32): i32 {
  let skipped = 0;
  while (skipped + 8 < length && ramLoad64(first + skipped) == ramLoad64(second + skipped)) skipped += 8;
  return skipped;
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
  const skipped = rep == 1 && step > 0 ? skipEqual(first, second, count * size) : 0;
  first += skipped;
  second += skipped;
  for (let i = skipped / size + 1; i <= count; i++) {
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
