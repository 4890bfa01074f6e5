import { createBoard } from '#jit';
import { HvmParam, ReservedGrant } from '#sdk';
import { type BootState, loadPvhKernel, unpackLinuxPayload } from '../loader/index.ts';
import { allocateRam } from '../machine/allocate-ram.ts';
import { DomainTables, LENT_PAGES } from '../memory/domain-tables.ts';
import { PAGE } from '../memory/guest-ram.ts';
import { type DomainHandle, DomainState, type DomainThread, type DomainView } from './domain-state.ts';
import { buildPvhAcpi } from './pvh-acpi.ts';
import { VcpuMailbox } from './vcpu-mailbox.ts';
import { lentFrames, pvhLayout, pvhMemoryMap } from './pvh-layout.ts';

/** What is loaded into a domain. */
export interface DomainImage {
  readonly kernel: Uint8Array;
  readonly kernelName: string;
  readonly ramdisk?: Uint8Array;
  readonly commandLine: string;
}

/** A domain that has been built and has not run. */
export interface BuiltDomain {
  readonly state: DomainState;
  readonly boot: BootState;
  /** The page and the port of the console. */
  readonly console: { readonly page: Uint8Array; readonly port: number };
  /** The page and the port of XenStore. */
  readonly store: StoreChannel;
}

/** Where a domain and XenStore meet. */
export interface StoreChannel {
  readonly address: number;
  readonly gfn: number;
  readonly port: number;
}

/** How messages find a local APIC before its thread says so: a vCPU may be sent for before its thread knows of it. */
const APIC_AFTER_RESET = { enabled: true, x2apic: false, softwareEnabled: false, logicalDestination: 0, destinationFormat: 0xffff_ffff };

/** Allocates the memory and the tables of a domain, and what `cores` threads need to run its vCPUs. */
export function allocateDomain(domid: number, vcpus: number, ramBytes: number, cores = vcpus): DomainHandle {
  return { domid, vcpus, ramBytes, ram: allocateRam(ramBytes + LENT_PAGES * PAGE), tables: DomainTables.create(ramBytes).buffer, board: createBoard(cores) };
}

/**
 * Builds a PVH domain in memory that was allocated for it: kernel, tables, special pages, ports, grants.
 *
 * @param unpack - takes the kernel out of a bzImage
 */
export function buildDomain(handle: DomainView, image: DomainImage, thread: DomainThread, unpack = unpackLinuxPayload): BuiltDomain {
  const state = new DomainState(handle, thread);
  const { ram, tables, events, grants } = state;
  const pages = lendPages(state);
  for (let vcpu = 0; vcpu < handle.vcpus; vcpu++) new VcpuMailbox(tables, vcpu).publish(APIC_AFTER_RESET);
  for (const { address, bytes } of buildPvhAcpi(handle.vcpus)) {
    const page = pages.get(Math.floor(address / PAGE)) ?? 0;
    ram.write(page + (address % PAGE), bytes);
  }
  const storePort = events.allocBackend(0);
  const consolePort = events.allocBackend(0);
  const params = [
    [HvmParam.HVM_PARAM_STORE_PFN, pvhLayout.storeGfn],
    [HvmParam.HVM_PARAM_STORE_EVTCHN, storePort],
    [HvmParam.HVM_PARAM_CONSOLE_PFN, pvhLayout.consoleGfn],
    [HvmParam.HVM_PARAM_CONSOLE_EVTCHN, consolePort],
  ] as const;
  for (const [index, value] of params) tables.params[index] = BigInt(value);
  grants.grant(ReservedGrant.GNTTAB_RESERVED_CONSOLE, 0, pvhLayout.consoleGfn);
  grants.grant(ReservedGrant.GNTTAB_RESERVED_XENSTORE, 0, pvhLayout.storeGfn);
  const boot = loadPvhKernel({
    ...image,
    memory: new Uint8Array(handle.ram.buffer, 0, handle.ramBytes),
    e820: pvhMemoryMap(handle.ramBytes),
    rsdp: pvhLayout.acpiPointer,
    unpack,
  });
  const consoleAt = pages.get(pvhLayout.consoleGfn) ?? 0;
  return {
    state,
    boot,
    console: { page: ram.bytes.subarray(consoleAt, consoleAt + PAGE), port: consolePort },
    store: { address: pages.get(pvhLayout.storeGfn) ?? 0, gfn: pvhLayout.storeGfn, port: storePort },
  };
}

/** Lends the domain its special pages; their addresses by guest frame. */
function lendPages({ physmap }: DomainState): Map<number, number> {
  const pages = new Map<number, number>();
  for (const [first, last] of lentFrames) for (let gfn = first; gfn <= last; gfn++) pages.set(gfn, physmap.lend(gfn));
  return pages;
}
