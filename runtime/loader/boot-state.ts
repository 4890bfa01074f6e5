/** One entry of the guest's memory map, with the types of ACPI's INT 15h, E820h (1 is RAM). */
export interface E820Entry {
  readonly base: number;
  readonly length: number;
  readonly type: number;
}

/** What a guest is started from. */
export interface LoadRequest {
  readonly kernel: Uint8Array;
  /** The kernel's name in messages, and as the first word of a multiboot command line. */
  readonly kernelName: string;
  readonly ramdisk?: Uint8Array;
  readonly commandLine: string;
  /** Guest RAM from physical address 0; written only when everything is known to fit. */
  readonly memory: Uint8Array;
  readonly e820: readonly E820Entry[];
  /** Physical address of the ACPI root pointer, or 0. */
  readonly rsdp: number;
  /** Enter a bzImage at its 64-bit entry point, if it has one. */
  readonly longMode?: boolean;
  /** Takes the ELF kernel out of a bzImage, which is started there by PVH if it can be, rather than where it unpacks itself. */
  readonly unpack?: (kernel: Uint8Array) => Uint8Array | undefined;
}

/** The registers that a boot protocol defines. */
export type BootRegister = 'eax' | 'ebx' | 'ecx' | 'edx' | 'esi' | 'edi' | 'ebp' | 'esp';

/** A segment register with its hidden part. */
export interface BootSegment {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  /** Access rights as in the descriptor's bits 40-55 (type, S, DPL, P, AVL, L, D/B, G); bits 8-11 are 0. */
  readonly accessRights: number;
}

/** A ROM image and every physical address at which the guest sees it. */
export interface BootRom {
  readonly bytes: Uint8Array;
  readonly addresses: readonly number[];
}

/**
 * The state of the first vCPU when the guest starts: interrupts off, A20 open, everything unsaid 0.
 *
 * In `protected32` paging is off; in `long64` it is on with `pageTables` in CR3, with PAE and long mode.
 */
export interface BootState {
  readonly mode: 'protected32' | 'long64' | 'real';
  readonly rip: number;
  readonly registers: Readonly<Partial<Record<BootRegister, number>>>;
  readonly segments: {
    readonly code: BootSegment;
    /** For DS, ES, FS, GS and SS. */
    readonly data: BootSegment;
    readonly task?: BootSegment;
  };
  /** The descriptor table that the segments come from, when there is one in guest memory. */
  readonly gdt?: { readonly address: number; readonly limit: number };
  /** Physical address of the top-level page table, in `long64`. */
  readonly pageTables?: number;
  /** What the caller has to map, when the guest is started from a ROM. */
  readonly rom?: BootRom;
}
