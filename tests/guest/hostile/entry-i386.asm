; Entered by PVH with EBX at the start info: 4 MiB pages over all addresses, with a hole and a read-only alias of the playground.
HOLE equ 0xC0000000 >> 22
ALIAS equ 0x20000000 >> 22
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
  mov eax, 0x83                         ; present, writable, 4 MiB
  mov ecx, directory
.map:
  mov [ecx], eax
  add eax, 0x400000
  add ecx, 4
  cmp ecx, directory + 4096
  jne .map
  mov dword [directory + 4 * HOLE], 0
  mov dword [directory + 4 * ALIAS], PLAYGROUND | 0x81
  mov eax, cr4
  or eax, 1 << 4                        ; PSE
  mov cr4, eax
  mov eax, directory
  mov cr3, eax
  mov eax, cr0
  or eax, 1 << 31 | 1 << 16             ; PG, WP
  mov cr0, eax
  lgdt [gdt_pointer]
  jmp 0x08:.flat
.flat:
  mov cx, 0x10
  mov ds, cx
  mov es, cx
  mov fs, cx
  mov gs, cx
  mov ss, cx
  mov edx, idt
%assign vector 0
%rep 256
  mov eax, stub%[vector]
  mov [edx], ax
  mov word [edx + 2], 0x08
  mov word [edx + 4], 0x8E00
  shr eax, 16
  mov [edx + 6], ax
  add edx, 8
  %assign vector vector + 1
%endrep
  lidt [idt_pointer]
  push ebx
  call hostile_main
.ended:
  hlt
  jmp .ended

%assign vector 0
%rep 256
stub%[vector]:
  %if vector = 2 || vector >= 32
  iret
  %else
    %if vector != 8 && (vector < 10 || vector > 14) && vector != 17
  push 0
    %endif
  push vector
  call faulted
  %endif
  %assign vector vector + 1
%endrep

section .data
align 16
gdt:
  dq 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF
gdt_pointer:
  dw 23
  dd gdt
idt_pointer:
  dw 2047
  dd idt

section .bss
align 4096
directory: resb 4096
idt: resb 2048
  resb 32768
stack_top:
section .note.GNU-stack noalloc noexec nowrite progbits
