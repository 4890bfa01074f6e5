/** Segment registers of a task that has just been switched to: the checks of SDM vol 3, table 7-1. */
import { EFLAGS } from "../../state/vcpu-layout";
import {
  descDpl, descriptorAddress, DESC_CODE, DESC_CONFORMING, DESC_P, DESC_S, DESC_WRITABLE, fetchDescriptor, isCode,
  isWritableData, setAccessed, setFromDescriptor,
} from "../segment/descriptor";
import { fault, VECTOR_NP, VECTOR_SS, VECTOR_TS } from "../fault";
import { loadParagraph } from "../segment/segment";
import { cpl, CS, DS, ES, FLAG_VM, FS, GS, segSelector, SS } from "../state";

function loadCode(): void {
  const selector = segSelector(CS);
  const error = selector & 0xfffc;
  if (!error) fault(VECTOR_TS, 0);
  const descriptor = fetchDescriptor(selector, VECTOR_TS, 0);
  if (!isCode(descriptor)) fault(VECTOR_TS, error);
  const dpl = descDpl(descriptor);
  const level = selector & 3;
  if (descriptor & DESC_CONFORMING ? dpl > level : dpl != level) fault(VECTOR_TS, error);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, error);
  setFromDescriptor(CS, selector, setAccessed(descriptorAddress, descriptor));
}

function loadStack(): void {
  const selector = segSelector(SS);
  const error = selector & 0xfffc;
  if (!error) fault(VECTOR_TS, 0);
  const descriptor = fetchDescriptor(selector, VECTOR_TS, 0);
  const level = cpl();
  if (!isWritableData(descriptor) || (selector & 3) != level || descDpl(descriptor) != level) fault(VECTOR_TS, error);
  if (!(descriptor & DESC_P)) fault(VECTOR_SS, error);
  setFromDescriptor(SS, selector, setAccessed(descriptorAddress, descriptor));
}

function loadData(seg: i32): void {
  const selector = segSelector(seg);
  const error = selector & 0xfffc;
  if (!error) return;
  const descriptor = fetchDescriptor(selector, VECTOR_TS, 0);
  const code = (descriptor & DESC_CODE) != 0;
  if (!(descriptor & DESC_S) || (code && !(descriptor & DESC_WRITABLE))) fault(VECTOR_TS, error);
  const dpl = descDpl(descriptor);
  if (!(code && descriptor & DESC_CONFORMING) && ((selector & 3) > dpl || cpl() > dpl)) fault(VECTOR_TS, error);
  if (!(descriptor & DESC_P)) fault(VECTOR_NP, error);
  setFromDescriptor(seg, selector, setAccessed(descriptorAddress, descriptor));
}

/** Loads all segment registers from the selectors they hold. */
export function loadTaskSegments(): void {
  if (load<i32>(EFLAGS) & FLAG_VM) {
    for (let seg = 0; seg < 6; seg++) loadParagraph(seg, segSelector(seg));
    return;
  }
  loadCode();
  loadStack();
  loadData(ES);
  loadData(DS);
  loadData(FS);
  loadData(GS);
}
