; Entered by PVH with EBX at the start info: long mode with 2 MiB pages over 4 GiB, with a hole and a read-only alias of the playground.
MSR_EFER equ 0xC0000080
HOLE equ 0xC0000000 >> 21
ALIAS equ 0x20000000 >> 21
PLAYGROUND equ 0x400000
section .note.Xen note alloc noexec nowrite
  dd 4, 4, 18
  db "Xen", 0
  dd _start

section .text
global _start
extern hostile_main, faulted
bits 32
_start:
  cli
  cld
  mov esp, stack_top
  mov dword [pml4], pdpt + 3
  mov dword [pdpt], directories + 3
  mov dword [pdpt + 8], directories + 0x1003
  mov dword [pdpt + 16], directories + 0x2003
  mov dword [pdpt + 24], directories + 0x3003
  mov eax, 0x83                         ; present, writable, 2 MiB
  mov ecx, directories
.map:
  mov [ecx], eax
  add eax, 0x200000
  add ecx, 8
  cmp ecx, directories + 0x4000
  jne .map
  mov dword [directories + 8 * HOLE], 0
  mov dword [directories + 8 * HOLE + 8], 0
  mov dword [directories + 8 * ALIAS], PLAYGROUND | 0x81
  mov dword [directories + 8 * ALIAS + 8], (PLAYGROUND + 0x200000) | 0x81
  mov eax, cr4
  or eax, 1 << 5                        ; PAE
  mov cr4, eax
  mov eax, pml4
  mov cr3, eax
  mov ecx, MSR_EFER
  rdmsr
  or eax, 1 << 8                        ; LME
  wrmsr
  mov eax, cr0
  or eax, 1 << 31 | 1 << 16             ; PG, WP
  mov cr0, eax
  lgdt [gdt_pointer]
  jmp 0x08:.long
bits 64
.long:
  mov cx, 0x10
  mov ds, cx
  mov es, cx
  mov fs, cx
  mov gs, cx
  mov ss, cx
  mov esp, stack_top
  mov edx, idt
%assign vector 0
%rep 256
  mov eax, stub%[vector]
  mov [rdx], ax
  mov word [rdx + 2], 0x08
  mov word [rdx + 4], 0x8E00
  shr eax, 16
  mov [rdx + 6], ax
  add edx, 16
  %assign vector vector + 1
%endrep
  lidt [idt_pointer]
  mov edi, ebx
  call hostile_main
.ended:
  hlt
  jmp .ended

%assign vector 0
%rep 256
stub%[vector]:
  %if vector = 2 || vector >= 32
  iretq
  %else
    %if vector != 8 && (vector < 10 || vector > 14) && vector != 17
  push 0
    %endif
  mov edi, vector
  pop rsi
  pop rdx
  and rsp, -16
  call faulted
  %endif
  %assign vector vector + 1
%endrep

section .data
align 16
gdt:
  dq 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
gdt_pointer:
  dw 23
  dq gdt
idt_pointer:
  dw 4095
  dq idt

section .bss
align 4096
pml4: resb 4096
pdpt: resb 4096
directories: resb 0x4000
idt: resb 4096
  resb 32768
stack_top:
section .note.GNU-stack noalloc noexec nowrite progbits
