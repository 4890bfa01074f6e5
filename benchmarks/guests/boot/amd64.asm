; Multiboot 1 entry in 32-bit mode, the switch to long mode, and ring 3 for the 64-bit image.
MULTIBOOT_FLAGS equ 3                   ; align modules, pass memory information
MSR_EFER equ 0xC0000080
section .multiboot
align 4
  dd 0x1BADB002, MULTIBOOT_FLAGS, -(0x1BADB002 + MULTIBOOT_FLAGS)

section .text
global _start, load_cr3, enter_ring3, exception_stubs, trap_entry, identity_pml4, identity_pdpt
extern machine_main, fault, trap_handler

bits 32
_start:
  cli
  cld
  mov esp, stack_top
  mov edi, ebx                          ; multiboot information: first argument of machine_main
  mov dword [identity_pml4], identity_pdpt + 7
  mov dword [identity_pdpt], identity_pd + 7
  mov eax, 0x87                         ; present, writable, user, 2 MiB
  mov ecx, identity_pd
.map:
  mov [ecx], eax
  add eax, 0x200000
  add ecx, 8
  cmp ecx, identity_pd + 4096
  jne .map
  mov eax, cr4
  or eax, 1 << 5                        ; PAE
  mov cr4, eax
  mov eax, identity_pml4
  mov cr3, eax
  mov ecx, MSR_EFER
  rdmsr
  or eax, 1 << 8 | 1                    ; LME, SCE
  wrmsr
  mov eax, cr0
  or eax, 1 << 31 | 1                   ; PG, PE
  mov cr0, eax
  lgdt [gdt_pointer]
  jmp 0x08:long_mode

bits 64
default rel
long_mode:
  mov cx, 0x10
  mov ds, cx
  mov es, cx
  mov fs, cx
  mov gs, cx
  mov ss, cx
  mov esp, stack_top
  mov edi, edi
  call machine_main

load_cr3:
  mov cr3, rdi
  ret

; uint32_t enter_ring3(void (*code)(void), void *stack)
; Returns what the code passed in RDI to syscall with RAX = -1.
enter_ring3:
  push rbx
  push rbp
  push r12
  push r13
  push r14
  push r15
  mov [kernel_rsp], rsp
  lea rax, [rsp - 128]
  and rax, -16
  mov [syscall_rsp], rax
  mov rcx, rdi
  mov rsp, rsi
  mov r11d, 2
  o64 sysret

; The target of SYSCALL: RAX is the argument and the result; RCX and R11 are clobbered.
trap_entry:
  cmp rax, -1
  je .leave
  mov [user_rsp], rsp
  mov rsp, [syscall_rsp]
  push rcx
  push r11
  push rdx
  push rdi
  push rsi
  push r8
  mov edi, eax
  call trap_handler
  pop r8
  pop rsi
  pop rdi
  pop rdx
  pop r11
  pop rcx
  mov rsp, [user_rsp]
  o64 sysret
.leave:
  mov rsp, [kernel_rsp]
  mov eax, edi
  pop r15
  pop r14
  pop r13
  pop r12
  pop rbp
  pop rbx
  ret

%assign vector 0
%rep 32
stub%[vector]:
  %if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
  push 0
  %endif
  push vector
  jmp exception
  %assign vector vector + 1
%endrep

exception:                              ; stack: vector, error code, RIP
  cld
  pop rdi
  pop rsi
  mov rdx, [rsp]
  and rsp, -16
  call fault

section .data
align 16
gdt:
  dq 0
  dq 0x00AF9B000000FFFF                 ; 08 64-bit code, ring 0
  dq 0x00CF93000000FFFF                 ; 10 data, ring 0
  dq 0x00CFFB000000FFFF                 ; 18 32-bit code, ring 3: the base that STAR names
  dq 0x00CFF3000000FFFF                 ; 20 data, ring 3
  dq 0x00AFFB000000FFFF                 ; 28 64-bit code, ring 3
.end:
gdt_pointer:
  dw gdt.end - gdt - 1
  dq gdt

exception_stubs:
%assign vector 0
%rep 32
  dq stub%[vector]
  %assign vector vector + 1
%endrep

section .bss
align 4096
identity_pml4: resb 4096
identity_pdpt: resb 4096
identity_pd: resb 4096
kernel_rsp: resq 1
syscall_rsp: resq 1
user_rsp: resq 2
  resb 65536
stack_top:
section .note.GNU-stack noalloc noexec nowrite progbits
