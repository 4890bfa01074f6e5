/**
 * Addresses of everything in a vCPU's machine-state memory, in bytes.
 *
 * The machine state is a WebAssembly memory of its own, one per vCPU, apart from guest RAM, so that
 * nothing a guest stores can land here. Addresses are absolute constants: the interpreter, the
 * microcode (AssemblyScript reads this very file) and translated code bake them in.
 * Only plain `export const NAME = number` lines: two compilers read them.
 */

// --- integer state -----------------------------------------------------------------------------
/** 16 general registers, u64 each, in encoding order (RAX RCX RDX RBX RSP RBP RSI RDI R8-R15). */
export const GPR = 0x100;
/** A u64 that is always 0: base or index of an address that has none. */
export const ZERO = 0x180;
/** u64 scratch of the current instruction. */
export const SCRATCH = 0x188;
/** u64. While a block runs in the interpreter: RIP of the block's first instruction. Exact at every exit and when a system routine is called. */
export const RIP = 0x190;
/**
 * Lazy flags, three words: ZF = (FLAG_RES == 0); SF = bit 63 of FLAG_RES xor bit 7 of FLAG_AUX;
 * PF = even parity of (low byte of FLAG_RES xor bits 15:8 of FLAG_AUX); CF = bit 63 of FLAG_COUT;
 * OF = bit 63 xor bit 62 of FLAG_COUT; AF = bit 4 of FLAG_AUX.
 */
export const FLAG_RES = 0x198;
/** u64 carries out of (bit 63) and into (bit 62) the top bit; see FLAG_RES. */
export const FLAG_COUT = 0x1a0;
/** u32; see FLAG_RES. */
export const FLAG_AUX = 0x1a8;
/** u32 EFLAGS without CF PF AF ZF SF OF (those bits are 0 here); bit 1 is always set. */
export const EFLAGS = 0x1ac;
/** i32 instructions that may still run before control must return to the host loop; see KICK. */
export const BUDGET = 0x1b0;
/** u64 RIP of the next instruction, valid while a system routine runs. */
export const NEXT_RIP = 0x1b8;
/** i32 why translated or interpreted code returned to the host loop: an EXIT_ value. */
export const EXIT_REASON = 0x1c0;
/** i32: 1 when a fault is recorded and waits for delivery. */
export const FAULT = 0x1c4;
/** i32 vector of the recorded fault. */
export const FAULT_VECTOR = 0x1c8;
/** i32 error code of the recorded fault; -1 when the vector has none. */
export const FAULT_ERROR = 0x1cc;
/** u32 address of the predecoded record that faulted or called out. */
export const CUR_REC = 0x1d0;
/** u32 translation context: mode key (MODE_ bits) | CPL << 8 | generation << 16. Keys the jump cache; a TLB flush raises the generation, which is never 0. */
export const CTX = 0x1d4;
/** u32 address of the TLB set in force (one of TLB + n * TLB_SET_SIZE). */
export const TLB_BASE = 0x1d8;
/** u32 current privilege level, 0 to 3. */
export const CPL = 0x1dc;
/** u32: 1 = interrupts are held off for one instruction (STI, MOV SS, POP SS); 2 = also debug traps. */
export const SHADOW = 0x1e0;
/** u32: 1 when a maskable interrupt waits at the controllers (set by the platform). */
export const INTR_PENDING = 0x1e4;
/** u32: 1 when an x87/MMX instruction must raise #NM or #UD first (CR0.EM or CR0.TS). */
export const FPU_BLOCKED = 0x1e8;
/** u32: 1 when an SSE instruction must raise #NM or #UD first (CR0.EM, CR0.TS, or no CR4.OSFXSR). */
export const SSE_BLOCKED = 0x1ec;
/** u32: 1 when scalar SSE may use native arithmetic: round to nearest, no DAZ, no FTZ, PE sticky and all exceptions masked. */
export const SSE_FAST = 0x1f0;
/** u32 1 while a fault is being delivered (contributory, page fault, double fault bookkeeping): vector + 1. */
export const DELIVERING = 0x1f4;
/** u32 physical-address mask of RAM: size of guest RAM in bytes (RAM is physical 0 to RAM_SIZE). */
export const RAM_SIZE = 0x1f8;
/** u32 A20 mask for physical addresses: 0xFFFFFFFF or 0xFFEFFFFF. */
export const A20_MASK = 0x1fc;

// --- segments and tables -----------------------------------------------------------------------
/** 8 segment registers of SEG_SIZE bytes in encoding order ES CS SS DS FS GS, then LDTR, TR. */
export const SEG = 0x200;
export const SEG_SIZE = 32;
/** u64 base. */
export const SEG_BASE = 0;
/** u32 limit in bytes, granularity applied. */
export const SEG_LIMIT = 8;
/** u32 rights: high dword of the descriptor & 0x00F0FF00 (type, S, DPL, P, AVL, L, D/B, G); 0x10000 set = unusable (null). */
export const SEG_ATTR = 12;
/** u32 selector. */
export const SEG_SELECTOR = 16;
export const SEG_ES = 0x200;
export const SEG_CS = 0x220;
export const SEG_SS = 0x240;
export const SEG_DS = 0x260;
export const SEG_FS = 0x280;
export const SEG_GS = 0x2a0;
export const SEG_LDTR = 0x2c0;
export const SEG_TR = 0x2e0;
/** A pseudo segment with base 0: the segment of an address that has none. */
export const SEG_NONE = 0x300;
export const GDTR_BASE = 0x320;
export const GDTR_LIMIT = 0x328;
export const IDTR_BASE = 0x330;
export const IDTR_LIMIT = 0x338;
/** Control registers, u64 each. */
export const CR0 = 0x340;
export const CR2 = 0x350;
export const CR3 = 0x358;
export const CR4 = 0x360;
export const CR8 = 0x368;
/** Model-specific registers, u64 each. */
export const EFER = 0x370;
export const STAR = 0x378;
export const LSTAR = 0x380;
export const CSTAR = 0x388;
export const SFMASK = 0x390;
export const KERNEL_GS_BASE = 0x398;
export const SYSENTER_CS = 0x3a0;
export const SYSENTER_ESP = 0x3a8;
export const SYSENTER_EIP = 0x3b0;
/** i32 part of the budget that was taken away to end the slice early; executed = granted - BUDGET - BUDGET_DEBT. */
export const BUDGET_DEBT = 0x7f8;
/** i64 added to the clock's TSC by writes of IA32_TSC and IA32_TSC_ADJUST. */
export const TSC_OFFSET = 0x3b8;
export const TSC_AUX = 0x3c0;
export const PAT = 0x3c8;
/** DR0 to DR7, u64 each. */
export const DR = 0x3d0;
export const XCR0 = 0x410;
export const XSS = 0x418;
export const MISC_ENABLE = 0x420;
export const SPEC_CTRL = 0x428;
/** u32: 1 = stores to physical 0xC0000-0xFFFFF are ignored. */
export const ROM_PROTECT = 0x430;
/** u32: 1 = an NMI handler runs; the next IRET ends it. */
export const NMI_BLOCKED = 0x434;
/** u32 DR6 bits of debug traps that wait for the end of the instruction. */
export const DEBUG_TRAP = 0x438;
/** u32 index of the TLB set that translations of the current code belong to (0 to 2), also while set 3 is in force. */
export const DATA_SET = 0x43c;

// --- floating point ----------------------------------------------------------------------------
/** 8 physical x87 registers of 16 bytes: u64 significand, u16 sign and exponent. MMX registers are the significands. */
export const FPU_ST = 0x440;
/** i32 top of stack, 0 to 7. */
export const FPU_TOP = 0x4c0;
/** i32 control word. */
export const FPU_CW = 0x4c4;
/** i32 status word without the TOP field. */
export const FPU_SW = 0x4c8;
/** i32 bit per physical register: 1 = in use. */
export const FPU_TAG = 0x4cc;
/** u64 address of the last x87 instruction. */
export const FPU_FIP = 0x4d0;
/** u64 address of the last x87 memory operand. */
export const FPU_FDP = 0x4d8;
export const FPU_FOP = 0x4e0;
export const FPU_FCS = 0x4e4;
export const FPU_FDS = 0x4e8;
export const MXCSR = 0x4ec;
/** i32: 1 when an SSE routine met an unmasked exception: the caller raises #XM and writes nothing. */
export const SSE_XM_PENDING = 0x4f0;
/** 16 XMM registers of 16 bytes. */
export const XMM = 0x500;
/** Upper halves of the YMM registers, 16 bytes each. */
export const YMM_HIGH = 0x600;
/** 64 bytes for operands of floating-point routines. */
export const FP_SCRATCH = 0x700;
/** 64 bytes for accesses that cross pages. */
export const MEM_SCRATCH = 0x740;
/** 4 page-directory-pointer entries of PAE paging, u64 each, loaded when CR3 is written. */
export const PDPTE = 0x780;
/** u32: 1 = the instruction leaves EFLAGS.RF set: IRET loaded it, or a REP string instruction stopped between two iterations. */
export const RF_KEPT = 0x7a0;
/** u32: 1 = a bit of FETCH_MAP is set. */
export const FETCH_ANY = 0x7a4;
/** A u64 that is always FAR_STEP: index of a RIP-relative operand whose distance from the block's start has more than 32 bits. */
export const FAR = 0x7e0;
export const FAR_STEP = 0x1000;
/** u64 second scratch of the current instruction: remainder of a 128-bit division. */
export const SCRATCH_HIGH = 0x7e8;
/** u32: 1 = EFLAGS.TF was set when the instruction began (set by `debugBefore`). */
export const DEBUG_STEP = 0x7a8;
/** u32 sign and exponent of what an x87 fast path returned; above, at bit 16, the PE and C1 that it raises. */
export const FPU_RESULT = 0x7ac;
/** u64 per TLB set 0 to 2: bit n = word n of the set's part of TLB_LOCAL_MAP is not 0. */
export const TLB_LOCAL_ANY = 0x7b0;
/** The same for TLB_GLOBAL_MAP. */
export const TLB_GLOBAL_ANY = 0x7c8;
/** i32: 0x80000000 when another thread wants the core back in its host loop; wherever BUDGET is looked at, so is this. */
export const KICK = 0x7f0;
/** u32: a block executed so many times in the interpreter is reported as hot; 0 = never. */
export const HOT_LIMIT = 0x7f4;
/** u32 how often bytes were written that code was decoded from. */
export const CODE_CHANGES = 0x7fc;
/** 256 bytes of statistics counters, u64 each; see STAT_ names. */
export const STATS = 0x800;
export const STAT_TLB_MISS = 0x800;
export const STAT_PAGE_FAULT = 0x808;
export const STAT_TLB_FLUSH = 0x810;
export const STAT_MMIO = 0x818;
export const STAT_JUMP_CACHE_MISS = 0x820;
/** u64 instructions executed up to the last settlement by the host loop. */
export const EXECUTED = 0x8f8;

// --- more of the processor's state -------------------------------------------------------------
/** u32: 1 when a non-maskable interrupt waits (set by the platform). */
export const NMI_PENDING = 0x900;
/** u32 limit of the code segment that the jump cache's entries of code that is not flat belong to. */
export const CODE_LIMIT = 0x904;
/** u64 base of that segment. */
export const CODE_BASE = 0x908;

// --- guest-physical memory that is not where its address says ------------------------------------
/** u32: guest-physical addresses from here on are looked up in PHYSMAP; 0 = none are. Page-aligned. */
export const PHYSMAP_START = 0x910;
/** Hash with linear probing by the low bits of the gfn: u32 gfn + 1 (0 = empty), u32 frame in RAM memory. */
export const PHYSMAP = 0x10000;
export const PHYSMAP_SLOTS = 512;

// --- what regions report -----------------------------------------------------------------------
/** u32 count of indirect jumps and calls that left a region because it did not know their target. */
export const MISSED_JUMPS = 0xa00;
/** The last of them, 16 bytes each: u32 record of the jump's block, u32 spare, u64 target. Index = count & (MISSED_JUMPS_KEPT - 1). */
export const MISSED_JUMPS_RING = 0xa10;
export const MISSED_JUMPS_KEPT = 32;

// --- bookkeeping of the TLB ----------------------------------------------------------------------
/** u16 per 4096th physical page: where write tags of such pages are: 0 = nowhere, TLB index + 1, 0xFFFF = in several places. */
export const WRITE_HINT = 0x1000;
export const WRITE_HINT_SIZE = 0x2000;
/** 512 bytes per TLB set 0 to 2: bit n = entry n was filled with a page that is not global. */
export const TLB_LOCAL_MAP = 0x3000;
/** 512 bytes per TLB set 0 to 2: bit n = entry n was filled with a global page. */
export const TLB_GLOBAL_MAP = 0x3600;
export const TLB_MAP_SIZE = 0x200;
/** Bit (linear page modulo 4096): code was fetched there since the jump cache was last aged. */
export const FETCH_MAP = 0x3c00;
export const FETCH_MAP_SIZE = 0x200;
/** Bit (hash of a 4 MiB region of linear addresses): a part of a large page was filled there since the last full flush. */
export const LARGE_MAP = 0x3e00;
export const LARGE_MAP_SIZE = 0x1f0;
/** u64: 1 GiB region of linear addresses + 1 where a 1 GiB page was filled; all ones = several. */
export const HUGE_REGION = 0x3ff0;

// --- microcode's own static data ---------------------------------------------------------------
export const MICROCODE_DATA = 0x4000;
export const MICROCODE_DATA_END = 0x10000;

// --- TLB ---------------------------------------------------------------------------------------
/**
 * TLB sets. Set 0: supervisor, set 1: user, set 2: supervisor with SMAP overridden (EFLAGS.AC),
 * set 3: never filled, so that every access takes the slow path (alignment checks, data breakpoints).
 * Entry: u64 read tag, u64 write tag, u64 execute tag (page-aligned linear address, or TLB_EMPTY),
 * u32 addend (RAM address = low 32 bits of linear address + addend), u32 flags (bit 0 = global).
 * Index = (linear >> 12) & (TLB_ENTRIES - 1).
 */
export const TLB = 0x20000;
export const TLB_ENTRIES = 4096;
export const TLB_ENTRY_SIZE = 32;
export const TLB_SET_SIZE = 0x20000;
export const TLB_SETS = 4;
export const TLB_READ = 0;
export const TLB_WRITE = 8;
export const TLB_EXECUTE = 16;
export const TLB_ADDEND = 24;
export const TLB_FLAGS = 28;
/** A tag that no access matches (bit 0 set). */
export const TLB_EMPTY = 1;

// --- jump cache --------------------------------------------------------------------------------
/** Jump cache: u64 RIP, u32 CTX, u32 record address, u32 spare, u32 page (JC_PAGE). */
export const JUMP_CACHE = 0xa0000;
export const JUMP_CACHE_ENTRIES = 8192;
export const JUMP_CACHE_ENTRY_SIZE = 24;
export const JC_RIP = 0;
export const JC_CTX = 8;
export const JC_REC = 12;
/** u32 physical page of the code, with bit 0 set; 0 = the entry must not be linked to nor revived. */
export const JC_PAGE = 20;

// --- decoded code ------------------------------------------------------------------------------
/** Predecoded records. */
export const ARENA = 0x100000;
export const ARENA_END = 0x3100000;
/** Block tables of translated regions. */
export const REGION_TABLES = 0x3100000;
export const REGION_TABLES_END = 0x3300000;
/**
 * Decoded blocks by physical address, behind the jump cache: u32 physical address, u32 mode key, u32 record (0 = none),
 * u32 spare. Two entries for each hash, the one entered last first.
 */
export const BLOCK_TABLE = 0x3300000;
export const BLOCK_TABLE_ENTRIES = 131072;
export const BLOCK_TABLE_ENTRY_SIZE = 16;
/** Size of the machine-state memory, in 64 KiB pages. */
export const STATE_PAGES = 0x350;

// --- predecoded record -------------------------------------------------------------------------
export const REC_SIZE = 44;
/** u32 index of the handler in the function table. */
export const REC_HANDLER = 0;
/** u16 bytes from the block's first instruction to this one. */
export const REC_OFFSET = 4;
/** u8 length of the instruction. */
export const REC_LENGTH = 6;
/** u8 number of instructions before this one in its block. */
export const REC_ORDINAL = 7;
/** u16 state address of the register operand in ModRM.reg (or the opcode). */
export const REC_REG = 8;
/** u16 state address of the register operand in ModRM.rm. */
export const REC_RM = 10;
/** u16 state address of the base register: ZERO when none, RIP when RIP-relative. */
export const REC_BASE = 12;
/** u16 state address of the index register (ZERO when none). */
export const REC_INDEX = 14;
/** u8 shift of the index. */
export const REC_SCALE = 16;
/** u8 segment number 0-5; 8 = none. */
export const REC_SEG = 17;
/** u8: bits 5-0 = bits to cut off the top of the offset (0, 32 or 48 for 64, 32 and 16-bit addresses); bit 6 = REC_FLAG_SLOW. */
export const REC_FLAGS = 18;
/** u8 number of a third general register (VEX.vvvv), or an operand-specific byte. */
export const REC_EXTRA = 19;
/** u32 record of the taken successor; 0 = never link, 1 = same page, not linked yet. */
export const REC_CHAIN = 20;
/** i64 immediate; of a relative branch: distance from the block's first instruction to its target. */
export const REC_IMM = 24;
/** i32 displacement; of a RIP-relative operand: distance from the block's first instruction. */
export const REC_DISP = 32;
/** u32 record of the fall-through successor of a relative branch, as REC_CHAIN. */
export const REC_CHAIN_NOT = 32;
/** u32 executions of the block, in its last record. */
export const REC_HEAT = 36;
/** u32 in the first record of a block where a translated region can be entered: which of its entries this is. */
export const REC_ENTRY = 40;
/** The offset needs a segment base or check (FS, GS in 64-bit mode; every segment in segmented modes) or has a 64-bit displacement (REC_SEG & 16: it is in REC_IMM). */
export const REC_FLAG_SLOW = 64;
/** Bit of REC_EXTRA in records of string instructions: bits 1-0 = 0 none, 1 REP/REPE, 2 REPNE. */
export const REC_EXTRA_REPEAT = 3;

// --- mode key ----------------------------------------------------------------------------------
/** Code size: 0 = 16-bit, 1 = 32-bit, 2 = 64-bit. */
export const MODE_CODE_MASK = 3;
/** Stack addresses are 32 bits wide (SS.B); in 64-bit code always 64. */
export const MODE_STACK32 = 4;
/** All of CS, DS, ES, SS have base 0 and limit 4 GiB with full rights: no checks needed. */
export const MODE_FLAT = 8;
/** Blocks hold one instruction (single step, code breakpoints, interrupt shadow). */
export const MODE_SINGLE = 16;
/** Never in CTX, only in the key of a block: it begins near the end of a code segment, may be cut there and is not linked. */
export const MODE_EDGE = 32;
/** Bytes before the end of a code segment where blocks have MODE_EDGE: more than a page and a block. */
export const EDGE_SIZE = 0x1400;

// --- exits -------------------------------------------------------------------------------------
/** The budget is used up or a kick arrived. */
export const EXIT_BUDGET = 0;
/** A fault is recorded (FAULT, FAULT_VECTOR, FAULT_ERROR). */
export const EXIT_FAULT = 1;
/** HLT or MWAIT. */
export const EXIT_HALT = 2;
/** Triple fault. */
export const EXIT_SHUTDOWN = 3;
/** No decoded block for the current RIP: the host loop decodes and comes back. */
export const EXIT_LOOKUP = 4;
