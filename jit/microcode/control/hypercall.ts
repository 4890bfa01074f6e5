/** VMCALL and VMMCALL: the guest calls the hypervisor it runs on. */
import { EXIT_HALT, EXIT_REASON } from "../../state/vcpu-layout";
import { endSlice } from "../context";
import { faultUd } from "../fault";
import { hostHypercall } from "../host";
import { finish } from "../state";

/** Answer of the host: the vCPU waits, as after HLT. */
const WAITS: i32 = 2;

/** VMCALL, VMMCALL; without a hypervisor that takes them there are no such instructions. */
export function hypercall(): void {
  const result = hostHypercall();
  if (!result) faultUd();
  finish();
  if (result != WAITS) return;
  store<i32>(EXIT_REASON, EXIT_HALT);
  endSlice();
}
