/** Every code a `HypervisorError` may carry, with what it means. */
export const errorCodes = {
  HV_ERR_BUS_OVERLAP: 'A device was mapped over addresses that another device already has.',
  HV_ERR_BUS_RANGE: 'A device was mapped outside the addresses of the bus.',
  HV_ERR_DEVICE_FAILED: 'A device threw while it served a bus access.',
  HV_ERR_MEMORY_SIZE: 'The memory asked for a domain is not a size that the platform can have.',
  HV_ERR_NO_PROCESSOR: 'A processor was named that the machine does not have.',
  HV_ERR_PCI_SLOT: 'A PCI function was attached at a bad address, or where another one is.',
} as const;

/** One of the registered codes. */
export type ErrorCode = keyof typeof errorCodes;
