; A multiboot guest that runs cases in 64-bit mode and tells what each changed. README.md describes cases and output.
ARENA equ 0x400000                      ; state, tables and pages of a case; mapped as the case's page table says
ARENA_SIZE equ 0x10000
STATE equ ARENA
GDT equ ARENA + 0x1000
IDT equ ARENA + 0x2800
TSS equ ARENA + 0x2C00
PML4 equ ARENA + 0x3000
PDPT equ ARENA + 0x4000
PD equ ARENA + 0x5000
PT equ ARENA + 0x6000
ALIAS equ 0x4000000                     ; the arena again, for the guest itself, whatever the case's pages say
SHADOW equ 0x800000                     ; the arena before a case
TEMPLATE equ 0x900000                   ; the arena before pokes
DEFAULT_CR0 equ 0x80010033
DEFAULT_CR4 equ 0x620
DEFAULT_EFER equ 0xD01

; offsets of the state; gpr 0 to 15 come first
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
FIRST_MSR equ STATE + 0x180
S_gdtr equ STATE + 0x200
S_idtr equ STATE + 0x210

%define r0 rax
%define r1 rcx
%define r2 rdx
%define r3 rbx
%define r4 rsp
%define r5 rbp
%define r6 rsi
%define r7 rdi

section .multiboot
align 4
  dd 0x1BADB002, 3, -(0x1BADB002 + 3)

section .text
global _start
bits 32
_start:
  cli
  cld
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
  mov eax, PML4
  mov cr3, eax
  mov ecx, 0xC0000080
  mov eax, 0x901
  xor edx, edx
  wrmsr
  mov eax, DEFAULT_CR0
  mov cr0, eax
  lgdt [S_gdtr]
  jmp 0x08:next_case

bits 64
default abs
next_case:
  lss esp, [stack_pointer]              ; MOV SS would hold off debug traps
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov esi, TEMPLATE
  mov edi, ALIAS
  mov ecx, ARENA_SIZE / 8
  rep movsq
  mov rsi, [cursor]
.poke:
  lodsd                                 ; address, or 0 at the end of a case
  test eax, eax
  jz .poked
  cmp eax, -1
  je finish
  lea edi, [rax + ALIAS - ARENA]
  movzx ecx, word [rsi]
  add rsi, 2
  rep movsb
  jmp .poke
.poked:
  mov [cursor], rsi
  mov esi, ALIAS
  mov edi, SHADOW
  mov ecx, ARENA_SIZE / 8
  rep movsq

  clts
  fninit
  ldmxcsr [mxcsr]
  lgdt [S_gdtr]
  lidt [S_idtr]
  lldt [S_ldtr]
  mov ax, [S_tr]
  ltr ax
  movzx ecx, word [S_tr]                ; LTR has made the TSS busy: the descriptor in the shadow follows
  mov rdx, [GDT + rcx]
  mov [SHADOW + 0x1000 + rcx], rdx
  mov rax, [S_cr4]
  mov cr4, rax
  mov rax, [S_cr3]
  mov cr3, rax
  mov rax, [S_cr0]
  mov cr0, rax
  mov ax, [S_fs]
  mov fs, ax
  mov ax, [S_gs]
  mov gs, ax
  mov ebx, msrs
  mov esi, FIRST_MSR
.msr:
  mov ecx, [rbx]
  mov eax, [rsi]
  mov edx, [rsi + 4]
  wrmsr
  add ebx, 4
  add esi, 8
  cmp ebx, msrs.end
  jne .msr
  mov ax, [S_ds]
  mov ds, ax
  mov ax, [S_es]
  mov es, ax
  mov rax, [S_cr2]
  mov cr2, rax
  mov rax, [S_dr0]
  mov dr0, rax
  mov rax, [S_dr1]
  mov dr1, rax
  mov rax, [S_dr2]
  mov dr2, rax
  mov rax, [S_dr3]
  mov dr3, rax
  mov rax, [S_dr6]
  mov dr6, rax
  push qword [S_ss]
  push qword [STATE + 4 * 8]
  push qword [S_rflags]
  push qword [S_cs]
  push qword [S_rip]
  mov rax, [S_dr7]
  mov dr7, rax
%assign i 0
%rep 16
  %if i != 4
  mov r%[i], [STATE + i * 8]
  %endif
  %assign i i + 1
%endrep
  iretq

section .stubs                         ; at 0x108000, one for each vector
%assign v 0
%rep 64
  align 32
  mov qword [S_vector], v
  jmp caught
  %assign v v + 1
%endrep

section .text

caught:
%assign i 0
%rep 16
  mov [STATE + i * 8], r%[i]
  %assign i i + 1
%endrep
  mov esp, stack_top
  pushfq
  pop qword [S_rflags]
  mov eax, cs
  mov [S_cs], rax
  mov eax, ss
  mov [S_ss], rax
  mov eax, ds
  mov [S_ds], rax
  mov eax, es
  mov [S_es], rax
  mov eax, fs
  mov [S_fs], rax
  mov eax, gs
  mov [S_gs], rax
  mov rax, dr7
  mov [S_dr7], rax
  mov eax, 0x400
  mov dr7, rax
%assign i 0
%rep 4
  mov rax, dr%[i]
  mov [S_dr%[i]], rax
  %assign i i + 1
%endrep
  mov rax, dr6
  mov [S_dr6], rax
  mov rax, cr0
  mov [S_cr0], rax
  mov rax, cr2
  mov [S_cr2], rax
  mov rax, cr3
  mov [S_cr3], rax
  mov rax, cr4
  mov [S_cr4], rax
  mov eax, DEFAULT_CR0
  mov cr0, rax
  mov eax, DEFAULT_CR4
  mov cr4, rax
  sldt eax
  mov [S_ldtr], rax
  str eax
  mov [S_tr], rax
  sgdt [S_gdtr]
  sidt [S_idtr]
  mov ebx, msrs
  mov esi, FIRST_MSR
.msr:
  mov ecx, [rbx]
  rdmsr
  mov [rsi], eax
  mov [rsi + 4], edx
  add ebx, 4
  add esi, 8
  cmp ebx, msrs.end
  jne .msr
  mov ecx, 0xC0000080
  mov eax, DEFAULT_EFER
  xor edx, edx
  wrmsr
  mov eax, PML4
  mov cr3, rax
  lss esp, [stack_pointer]
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  cld

  mov esi, ALIAS
  mov edi, SHADOW
  mov ecx, ARENA_SIZE / 8
  mov edx, 0xE9
.compare:
  cmp eax, eax
  repe cmpsq
  je .compared
  lea rbx, [rsi - 8 - ALIAS]
  mov r8d, 4
  shl rbx, 48
  call print
  mov al, ':'
  out dx, al
  mov rbx, [rsi - 8]
  call print_number
  mov al, ' '
  out dx, al
  test ecx, ecx
  jnz .compare
.compared:
  mov al, 10
  out dx, al
  jmp next_case

; prints RBX without leading zeros
print_number:
  mov r8d, 16
.skip:
  cmp r8d, 1
  je print
  mov rax, rbx
  shr rax, 60
  jnz print
  shl rbx, 4
  dec r8d
  jmp .skip
; prints the upper R8 digits of RBX
print:
  rol rbx, 4
  mov eax, ebx
  and eax, 15
  mov al, [digits + rax]
  out dx, al
  dec r8d
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
msrs: dd 0xC0000080, 0xC0000081, 0xC0000082, 0xC0000083, 0xC0000084, 0x174, 0x175, 0x176, 0xC0000100, 0xC0000101, 0xC0000102
.end:
section .bss
cursor: resq 1
  resb 4096
stack_top:
section .note.GNU-stack noalloc noexec nowrite progbits
