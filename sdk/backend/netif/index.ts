export { defineNetworkBackend, type NetworkDefinition, type NetworkProvider } from './define-network-backend.ts';
export { addWords, foldSum, getU16, getU32, internetChecksum, putU16, putU32 } from './internet-checksum.ts';
export {
  checksumOffset,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  locateTransport,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  pseudoHeaderSum,
  type TransportPlace,
  transportPlace,
} from './locate-transport.ts';
export * from './net-frame.ts';
export * from './netif-layout.ts';
export { NetworkBackend } from './network-backend.ts';
export { completeChecksum, type OffloadAbility, Offloader, preparePartialChecksum, verifyChecksum } from './offload.ts';
export type { Vif, VifLink } from './vif.ts';
export { parseTxRate, type TxRate } from './tx-credit.ts';
