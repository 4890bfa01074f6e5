export { slowRead, slowWrite, slowReadForWrite, slowRead128, slowWrite128, slowProbeWrite } from "./slow-path";
export { translate, fetchPage, translateNoFault } from "./translate";
export { flushTlb, flushPage, codePageProtect } from "./tlb";
export { updateContext } from "./context";
export { getEflags, setEflags } from "./flags";
export { loadSlot, storeSlot, loadSystem64 } from "./memory";
