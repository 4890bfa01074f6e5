; A multiboot guest that runs cases in 32-bit protected mode and tells what each changed. README.md describes cases and output.
ARENA equ 0x400000                      ; state, tables and pages of a case; mapped as the case's page table says
ARENA_SIZE equ 0x10000
STATE equ ARENA
GDT equ ARENA + 0x1000
PAGE_DIRECTORY equ ARENA + 0x3000
ALIAS equ 0x4000000                     ; the arena again, for the guest itself, whatever the case's pages say
SHADOW equ 0x800000                     ; the arena before a case
TEMPLATE equ 0x900000                   ; the arena before pokes
DEFAULT_CR0 equ 0x80010033
DEFAULT_CR4 equ 0x610
VM equ 0x20000

%define r0 eax
%define r1 ecx
%define r2 edx
%define r3 ebx
%define r4 esp
%define r5 ebp
%define r6 esi
%define r7 edi

; offsets of the state; gpr 0 to 15 come first, in words of eight bytes
%assign at 128
%macro slot 1
  S_%1 equ STATE + at
  %assign at at + 8
%endmacro
slot rip
slot cs
slot rflags
slot ss
slot ds
slot es
slot fs
slot gs
slot cr0
slot cr2
slot cr3
slot cr4
slot dr0
slot dr1
slot dr2
slot dr3
slot dr6
slot dr7
slot ldtr
slot tr
slot vector
slot fpu
S_esp equ STATE + 4 * 8
SYSENTER_MSRS equ STATE + 0x180 + 5 * 8
S_gdtr equ STATE + 0x200
S_idtr equ STATE + 0x210

section .multiboot
align 4
  dd 0x1BADB002, 3, -(0x1BADB002 + 3)

section .text
global _start
bits 32
_start:
  cli
  cld
  xor eax, eax
  mov fs, ax
  mov gs, ax
  mov esp, stack_top
  mov eax, [ebx + 24]                   ; the first module: template, then cases
  mov esi, [eax]
  mov edi, TEMPLATE
  mov ecx, ARENA_SIZE / 4
  rep movsd
  mov [cursor], esi
  mov esi, TEMPLATE
  mov edi, ARENA
  mov ecx, ARENA_SIZE / 4
  rep movsd
  mov al, 0xFF                          ; no interrupts
  out 0x21, al
  out 0xA1, al
  mov eax, DEFAULT_CR4
  mov cr4, eax
  mov eax, PAGE_DIRECTORY
  mov cr3, eax
  mov eax, DEFAULT_CR0
  mov cr0, eax
  lgdt [S_gdtr]
  jmp 0x08:next_case

next_case:                              ; ES and SS may be anything, CS is flat
  lss esp, [cs:stack_pointer]           ; MOV SS would hold off debug traps
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov esi, TEMPLATE
  mov edi, ALIAS
  mov ecx, ARENA_SIZE / 4
  rep movsd
  mov esi, [cursor]
.poke:
  lodsd                                 ; address, or 0 at the end of a case
  test eax, eax
  jz .poked
  cmp eax, -1
  je finish
  lea edi, [eax + ALIAS - ARENA]
  movzx ecx, word [esi]
  add esi, 2
  rep movsb
  jmp .poke
.poked:
  mov [cursor], esi
  mov esi, ALIAS
  mov edi, SHADOW
  mov ecx, ARENA_SIZE / 4
  rep movsd

  clts
  fninit
  ldmxcsr [mxcsr]
  lgdt [S_gdtr]
  lidt [S_idtr]
  lldt [S_ldtr]
  mov ax, [S_tr]
  ltr ax
  movzx ecx, word [S_tr]                ; LTR has made the TSS busy: the descriptor in the shadow follows
  mov edx, [GDT + ecx + 4]
  mov [SHADOW + 0x1000 + ecx + 4], edx
  mov eax, [S_cr4]
  mov cr4, eax
  mov eax, [S_cr3]
  mov cr3, eax
  mov eax, [S_cr0]
  mov cr0, eax
  mov ecx, 0x174
  mov esi, SYSENTER_MSRS
  xor edx, edx
.msr:
  mov eax, [esi]
  wrmsr
  add esi, 8
  inc ecx
  cmp ecx, 0x177
  jne .msr
  mov eax, [S_cr2]
  mov cr2, eax
%assign i 0
%rep 4
  mov eax, [S_dr%[i]]
  mov dr%[i], eax
  %assign i i + 1
%endrep
  mov eax, [S_dr6]
  mov dr6, eax
  test dword [S_rflags], VM
  jz .segmented
  push dword [S_gs]
  push dword [S_fs]
  push dword [S_ds]
  push dword [S_es]
  jmp .outer
.segmented:
  test byte [S_cs], 3
  jnz .ring3
  mov eax, [S_ss]
  mov [far_stack + 4], ax
  mov eax, [S_esp]
  mov [far_stack], eax
  lss esp, [far_stack]
  jmp .frame
.ring3:
  mov ax, [S_fs]
  mov fs, ax
  mov ax, [S_gs]
  mov gs, ax
.outer:
  push dword [S_ss]
  push dword [S_esp]
.frame:
  push dword [S_rflags]
  push dword [S_cs]
  push dword [S_rip]
  mov eax, [S_dr7]
  mov dr7, eax
  mov ax, [S_es]
  test dword [S_rflags], VM
  jnz .loaded
  mov es, ax
  mov ax, [S_ds]
  mov ds, ax
.loaded:
%assign i 0
%rep 8
  %if i != 4
  mov r%[i], [cs:STATE + i * 8]
  %endif
  %assign i i + 1
%endrep
  iretd

section .stubs                         ; at 0x108000, one for each vector
%assign v 0
%rep 64
  align 32
  mov dword [ss:S_vector], v
  jmp caught
  %assign v v + 1
%endrep

section .text
caught:
%assign i 0
%rep 8
  mov [ss:STATE + i * 8], r%[i]
  %assign i i + 1
%endrep
  mov eax, ds
  mov [ss:S_ds], eax
  mov eax, es
  mov [ss:S_es], eax
  mov eax, ss
  mov [ss:S_ss], eax
  lss esp, [cs:stack_pointer]
  pushfd
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  pop dword [S_rflags]
  mov eax, cs
  mov [S_cs], eax
  mov eax, fs
  mov [S_fs], eax
  mov eax, gs
  mov [S_gs], eax
  mov eax, dr7
  mov [S_dr7], eax
  mov eax, 0x400
  mov dr7, eax
%assign i 0
%rep 4
  mov eax, dr%[i]
  mov [S_dr%[i]], eax
  %assign i i + 1
%endrep
  mov eax, dr6
  mov [S_dr6], eax
  mov eax, cr0
  mov [S_cr0], eax
  mov eax, cr2
  mov [S_cr2], eax
  mov eax, cr3
  mov [S_cr3], eax
  mov eax, cr4
  mov [S_cr4], eax
  mov eax, DEFAULT_CR0
  mov cr0, eax
  mov eax, DEFAULT_CR4
  mov cr4, eax
  sldt eax
  mov [S_ldtr], eax
  str eax
  mov [S_tr], eax
  sgdt [S_gdtr]
  sidt [S_idtr]
  mov ecx, 0x174
  mov esi, SYSENTER_MSRS
.msr:
  rdmsr
  mov [esi], eax
  add esi, 8
  inc ecx
  cmp ecx, 0x177
  jne .msr
  mov eax, PAGE_DIRECTORY
  mov cr3, eax
  xor eax, eax
  mov fs, ax
  mov gs, ax
  push dword 2                          ; NT would make the next IRET a task switch
  popfd

  mov esi, ALIAS
  mov edi, SHADOW
  mov ecx, ARENA_SIZE / 8
  mov edx, 0xE9
.compare:
  mov eax, [esi]
  mov ebx, [esi + 4]
  cmp eax, [edi]
  jne .different
  cmp ebx, [edi + 4]
  je .same
.different:
  mov ebp, eax
  mov eax, esi
  shl eax, 16
  push ebx
  mov bl, 4
  call print
  mov al, ':'
  out dx, al
  pop eax
  test eax, eax
  jz .low
  call print_number
  mov eax, ebp
  mov bl, 8
  call print
  jmp .space
.low:
  mov eax, ebp
  call print_number
.space:
  mov al, ' '
  out dx, al
.same:
  add esi, 8
  add edi, 8
  dec ecx
  jnz .compare
  mov al, 10
  out dx, al
  jmp next_case

; prints EAX without leading zeros
print_number:
  mov bl, 8
.skip:
  cmp bl, 1
  je print
  test eax, 0xF0000000
  jnz print
  shl eax, 4
  dec bl
  jmp .skip
; prints the upper BL digits of EAX
print:
  rol eax, 4
  push eax
  and eax, 15
  mov al, [digits + eax]
  out dx, al
  pop eax
  dec bl
  jnz print
  ret

finish:
  mov edx, 0xF4
  xor eax, eax
  out dx, al
  hlt

section .data
digits: db '0123456789abcdef'
mxcsr: dd 0x1F80
stack_pointer:
  dd stack_top
  dw 0x10
align 8
far_stack: dq 0
section .bss
cursor: resd 1
  resb 4096
stack_top:
section .note.GNU-stack noalloc noexec nowrite progbits
