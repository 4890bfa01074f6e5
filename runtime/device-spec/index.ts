export { type DiskMode, type DiskSpec, type DiskSpecContext, diskNodes, parseDiskSpec, parseDiskSpecs } from './disk-spec.ts';
export { virtualDeviceId, virtualDeviceName } from './virtual-device.ts';
export { parseVifSpec, parseVifSpecs, randomMac, type VifSpec, type VifSpecContext, vifNodes } from './vif-spec.ts';
