/** INS and OUTS. The memory operand is checked before the port is touched, since devices react to accesses. */
import { watchPort } from "../exception/debug";
import { portIn, portOut } from "../host";
import { noteStore } from "../mmu/physical";
import { checkPort } from "./port";
import { probeOperand, readOperand, writeOperand } from "../segment/segment";
import { ES, gpr, RDI, RDX, RSI } from "../state";
import {
  advance, countDown, endString, indexOf, isBackwards, loadElement, openWindow, remaining, shouldStop, storeElement,
  windowRam,
} from "./string-window";
import { READ, WRITE } from "../mmu/translate";

function insWindow(port: i32, size: i32, wanted: u64): i32 {
  const count = openWindow(ES, indexOf(RDI), WRITE, wanted);
  if (!count) {
    probeOperand(ES, indexOf(RDI), size);
    writeOperand(ES, indexOf(RDI), size, <u64><u32>portIn(port, size));
    return 1;
  }
  const start = windowRam;
  const step = isBackwards() ? -size : size;
  for (let i = 0; i < count; i++) storeElement(start + i * step, size, <u64><u32>portIn(port, size));
  const length = count * size;
  noteStore(<u64><u32>(isBackwards() ? start - length + size : start), length);
  return count;
}

function outsWindow(port: i32, size: i32, seg: i32, wanted: u64): i32 {
  const count = openWindow(seg, indexOf(RSI), READ, wanted);
  if (!count) {
    portOut(port, size, <i32>readOperand(seg, indexOf(RSI), size));
    return 1;
  }
  const start = windowRam;
  const step = isBackwards() ? -size : size;
  for (let i = 0; i < count; i++) portOut(port, size, <i32>loadElement(start + i * step, size));
  return count;
}

/** Common loop; `seg` is -1 for INS. */
function repeatPort(size: i32, seg: i32): void {
  const port = <i32>gpr(RDX) & 0xffff;
  checkPort(port, size);
  let wanted = remaining();
  while (wanted) {
    watchPort(port, size);
    const count = seg < 0 ? insWindow(port, size, wanted) : outsWindow(port, size, seg, wanted);
    advance(seg < 0 ? RDI : RSI, count);
    countDown(count);
    wanted -= count;
    if (wanted && shouldStop()) {
      endString(false);
      return;
    }
  }
  endString(true);
}

/** INS: port DX to ES:rDI. */
export function ins(size: i32): void { repeatPort(size, -1); }

/** OUTS: seg:rSI to port DX. */
export function outs(size: i32, seg: i32): void { repeatPort(size, seg); }
