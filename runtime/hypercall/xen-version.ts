import { Errno, XEN_VERSION, XenFeature, XenVersion } from '#sdk';
import type { HypercallCall, HypercallHandler } from './call.ts';

const PAGE_SIZE = 4096;
const FEATURES =
  (1 << XenFeature.XENFEAT_writable_page_tables) |
  (1 << XenFeature.XENFEAT_auto_translated_physmap) |
  (1 << XenFeature.XENFEAT_hvm_callback_vector) |
  (1 << XenFeature.XENFEAT_hvm_safe_pvclock) |
  (1 << XenFeature.XENFEAT_memory_op_vnode_supported);
const CAPABILITIES = 'hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ';

/** Texts by sub-operation, with the sizes of their arrays. */
const TEXTS: Readonly<Record<number, readonly (readonly [text: string, size: number])[]>> = {
  [XenVersion.XENVER_extraversion]: [['-xylem', 16]],
  [XenVersion.XENVER_compile_info]: [
    ['WebAssembly', 64],
    ['xylem', 16],
    ['xylem', 32],
    ['', 32],
  ],
  [XenVersion.XENVER_capabilities]: [[CAPABILITIES, 1024]],
  [XenVersion.XENVER_changeset]: [['unavailable', 64]],
  [XenVersion.XENVER_commandline]: [['', 1024]],
};

/** `xen_version`: who we are and what we do. */
export const xenVersion: HypercallHandler = (call) => {
  const command = call.arg(0);
  const texts = TEXTS[command];
  if (texts !== undefined) return storeBytes(call, arraysOf(texts));
  switch (command) {
    case XenVersion.XENVER_version:
      return XEN_VERSION;
    case XenVersion.XENVER_pagesize:
      return PAGE_SIZE;
    case XenVersion.XENVER_guest_handle:
      return storeBytes(call, call.domain.uuid);
    case XenVersion.XENVER_platform_parameters:
      // The start of the hypervisor's own addresses, which domains with their own page tables don't have.
      return storeBytes(call, new Uint8Array(call.wide ? 8 : 4));
    case XenVersion.XENVER_get_features:
      return features(call);
    case XenVersion.XENVER_build_id:
      return -Errno.ENODATA;
    default:
      return -Errno.ENOSYS;
  }
};

function features(call: HypercallCall): number {
  const info = call.struct(1, 8);
  if (info === undefined) return -Errno.EFAULT;
  info.setUint32(4, info.getUint32(0, true) === 0 ? FEATURES : 0, true);
  return call.store(1, info);
}

function arraysOf(texts: readonly (readonly [string, number])[]): Uint8Array {
  const bytes = new Uint8Array(texts.reduce((sum, [, size]) => sum + size, 0));
  let at = 0;
  for (const [text, size] of texts) {
    bytes.set(new TextEncoder().encode(text).subarray(0, size - 1), at);
    at += size;
  }
  return bytes;
}

function storeBytes(call: HypercallCall, bytes: Uint8Array): number {
  return call.access.write(call.long(1), bytes) ? 0 : -Errno.EFAULT;
}
