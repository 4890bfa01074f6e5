; Multiboot 1 entry, descriptor tables and ring 3 for the 32-bit image.
bits 32

MULTIBOOT_FLAGS equ 3                   ; align modules, pass memory information
section .multiboot
align 4
  dd 0x1BADB002, MULTIBOOT_FLAGS, -(0x1BADB002 + MULTIBOOT_FLAGS)

section .text
global _start, load_cr3, enter_ring3, exception_stubs, trap_entry
extern machine_main, fault, trap_handler

_start:
  cli
  cld
  mov esp, stack_top
  lgdt [gdt_pointer]
  jmp 0x08:.flat
.flat:
  mov cx, 0x10
  mov ds, cx
  mov es, cx
  mov fs, cx
  mov gs, cx
  mov ss, cx
  mov ecx, tss                          ; the base of the TSS descriptor is split in three
  mov [gdt.tss + 2], cx
  shr ecx, 16
  mov [gdt.tss + 4], cl
  mov [gdt.tss + 7], ch
  mov cx, 0x28
  ltr cx
  push ebx                              ; multiboot information; keeps ESP 16-byte aligned at the call
  call machine_main

; void load_cr3(uintptr_t root)
load_cr3:
  mov eax, [esp + 4]
  mov cr3, eax
  ret

; uint32_t enter_ring3(void (*code)(void), void *stack)
; Returns what the code passed in EBX to int 0x80 with EAX = -1.
enter_ring3:
  mov eax, [esp + 4]
  mov edx, [esp + 8]
  push ebx
  push esi
  push edi
  push ebp
  mov [kernel_esp], esp
  mov ecx, esp
  sub ecx, 64
  and ecx, -16
  mov [tss + 4], ecx                    ; ESP0
  mov cx, 0x23
  mov ds, cx
  mov es, cx
  push dword 0x23
  push edx
  push dword 2
  push dword 0x1B
  push eax
  iret

trap_entry:
  cmp eax, -1
  je .leave
  push ecx
  push edx
  push eax
  call trap_handler
  add esp, 4
  pop edx
  pop ecx
  iret
.leave:
  mov esp, [kernel_esp]
  mov cx, 0x10
  mov ds, cx
  mov es, cx
  mov eax, ebx
  pop ebp
  pop edi
  pop esi
  pop ebx
  ret

%assign vector 0
%rep 32
stub%[vector]:
  %if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
  push dword 0
  %endif
  push dword vector
  jmp exception
  %assign vector vector + 1
%endrep

exception:                              ; stack: vector, error code, EIP
  cld
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  call fault

section .data
align 16
gdt:
  dq 0
  dq 0x00CF9B000000FFFF                 ; 08 code, ring 0
  dq 0x00CF93000000FFFF                 ; 10 data, ring 0
  dq 0x00CFFB000000FFFF                 ; 18 code, ring 3
  dq 0x00CFF3000000FFFF                 ; 20 data, ring 3
.tss:
  dw 103, 0
  db 0, 0x89, 0, 0                      ; 28 available 32-bit TSS
.end:
gdt_pointer:
  dw gdt.end - gdt - 1
  dd gdt
tss:
  dd 0, 0, 0x10                         ; ESP0 is set before ring 3 is entered
  times 22 dd 0
  dd 104 << 16                          ; no I/O bitmap

exception_stubs:
%assign vector 0
%rep 32
  dd stub%[vector]
  %assign vector vector + 1
%endrep

section .bss
align 16
kernel_esp: resd 4
  resb 65536
stack_top_16:
stack_top equ stack_top_16 - 12
section .note.GNU-stack noalloc noexec nowrite progbits
