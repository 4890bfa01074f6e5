import { Errno } from '#sdk';
import type { HypercallHandler } from './call.ts';

const VMASST_CMD_enable = 0;
const VMASST_CMD_disable = 1;
const VMASST_TYPE_runstate_update_flag = 5;

/** `vm_assist`: of the assists only the one for runstates has a meaning for domains that have their own page tables. */
export const vmAssist: HypercallHandler = (call) => {
  const command = call.arg(0);
  if (command !== VMASST_CMD_enable && command !== VMASST_CMD_disable) return -Errno.ENOSYS;
  if (call.arg(1) !== VMASST_TYPE_runstate_update_flag) return -Errno.EINVAL;
  for (const vcpu of call.domain.vcpus) vcpu.runstate.updateFlag = command === VMASST_CMD_enable;
  return 0;
};
