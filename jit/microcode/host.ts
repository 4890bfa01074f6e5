/**
 * Everything the microcode imports. `ram` and `board` accessors are merged in and inlined; `host` functions are
 * callbacks into the pCPU. Physical addresses are 32-bit: nothing answers above 4 GiB.
 */

/** Loads a byte of guest RAM. */
@external("ram", "load8") export declare function ramLoad8(address: i32): i32;
/** Loads 2 bytes of guest RAM. */
@external("ram", "load16") export declare function ramLoad16(address: i32): i32;
/** Loads 4 bytes of guest RAM. */
@external("ram", "load32") export declare function ramLoad32(address: i32): i32;
/** Loads 8 bytes of guest RAM. */
@external("ram", "load64") export declare function ramLoad64(address: i32): i64;
/** Stores a byte of guest RAM. */
@external("ram", "store8") export declare function ramStore8(address: i32, value: i32): void;
/** Stores 2 bytes of guest RAM. */
@external("ram", "store16") export declare function ramStore16(address: i32, value: i32): void;
/** Stores 4 bytes of guest RAM. */
@external("ram", "store32") export declare function ramStore32(address: i32, value: i32): void;
/** Stores 8 bytes of guest RAM. */
@external("ram", "store64") export declare function ramStore64(address: i32, value: i64): void;
/** memory.copy inside guest RAM. */
@external("ram", "copy") export declare function ramCopy(destination: i32, source: i32, length: i32): void;
/** memory.fill in guest RAM. */
@external("ram", "fill") export declare function ramFill(address: i32, byte: i32, length: i32): void;
/** Atomic compare-exchange of an aligned dword; returns what was there. */
@external("ram", "cmpxchg32") export declare function ramCmpxchg32(address: i32, expected: i32, value: i32): i32;
/** Atomic compare-exchange of an aligned qword; returns what was there. */
@external("ram", "cmpxchg64") export declare function ramCmpxchg64(address: i32, expected: i64, value: i64): i64;

/** What was stored before is seen by other threads before anything is loaded. */
@external("ram", "fence") export declare function ramFence(): void;
/** Loads 8 bytes of the domain's board. */
@external("board", "load64") export declare function boardLoad64(address: i32): i64;

/** Reads an I/O port of 1, 2 or 4 bytes. */
@external("host", "portIn") export declare function portIn(port: i32, size: i32): i32;
/** Writes an I/O port of 1, 2 or 4 bytes. */
@external("host", "portOut") export declare function portOut(port: i32, size: i32, value: i32): void;
/** Reads 1, 2 or 4 bytes of a device. */
@external("host", "mmioRead") export declare function mmioRead(pa: i32, size: i32): i32;
/** Writes 1, 2 or 4 bytes of a device. */
@external("host", "mmioWrite") export declare function mmioWrite(pa: i32, size: i32, value: i32): void;
/** Says that a store changed bytes that hold decoded code. */
@external("host", "codeWritten") export declare function codeWritten(pa: i32, length: i32): void;
/** Takes (1) or leaves (0) the domain's lock for accesses that no atomic operation covers. */
@external("host", "splitLock") export declare function splitLock(take: i32): void;
/** Answers CPUID in the general registers. */
@external("host", "cpuid") export declare function hostCpuid(): void;
/** Answers RDMSR in EDX:EAX; 0 = no such MSR. */
@external("host", "rdmsr") export declare function hostRdmsr(): i32;
/** Takes WRMSR of EDX:EAX; 0 = no such MSR or value. */
@external("host", "wrmsr") export declare function hostWrmsr(): i32;
/** The clock's time-stamp counter, without TSC_OFFSET. */
@external("host", "tsc") export declare function hostTsc(): f64;
/** Throws out of the microcode; FAULT or EXIT_REASON says why. */
@external("host", "raise") export declare function raise(): void;
/** Says that CR0, CR4 or EFER changed. */
@external("host", "modeChanged") export declare function modeChanged(): void;
/** Says that the task priority changed. */
@external("host", "cr8Changed") export declare function cr8Changed(value: i32): void;
/** 32 random bits. */
@external("host", "random32") export declare function random32(): i32;
/** Does the hypercall in the general registers: 0 = there is no hypervisor, 1 = done, 2 = done and the vCPU waits. */
@external("host", "hypercall") export declare function hostHypercall(): i32;
