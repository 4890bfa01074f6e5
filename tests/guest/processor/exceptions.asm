; Debug exceptions, single step, LOCK, prefixes and NMIs on a bare 32-bit machine. Each case is a line on COM1: its name and
; its exceptions. Build: nasm -f bin -o exceptions.bin exceptions.asm; a multiboot 1 image with address fields.
;
; An exception is [vector error ip flags dr6 ecx]: error only where there is one, ip relative to the case, flags R (RF)
; and T (TF) of the pushed image, dr6 only for #DB, ecx for #DB and #GP. After #DB, NMI, #BP and #OF the case goes on, else it ends.
bits 32
BASE equ 0x100000
org BASE

FLAGS equ 0x10000
header:
  dd 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
  dd header, BASE, image_end, memory_end, start

CODE equ 0x08
DATA equ 0x10
TF equ 0x100
LAPIC equ 0xfee00000
IOAPIC equ 0xfec00000

%macro CASE 1
  %push case
  mov dword [case_start], %$start
  mov dword [case_end], %$end
  call begin_case
  db %1, 0
%$start:
%endmacro

%macro ENDCASE 0
%$end:
  call end_case
  %pop
%endmacro

%macro STEP 0                           ; the next instruction but none before it is stepped
  push dword TF | 2
  popfd
%endmacro

%macro BREAK 2                          ; address, value of DR7
  mov eax, %1
  mov dr0, eax
  mov eax, %2
  mov dr7, eax
%endmacro

WRITE1 equ 0x00010001                   ; DR7: breakpoint 0 on writes of a byte
WRITE4 equ 0x000d0001
ACCESS2 equ 0x00070001
EXECUTE equ 0x00000001
PORT1 equ 0x00020001

start:
  mov esp, stack_top
  lgdt [gdt_pointer]
  jmp CODE:.flat
.flat:
  mov ax, DATA
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov edi, idt
  mov eax, stubs
  mov ecx, 66
.gate:
  mov [edi], ax
  mov word [edi + 2], CODE
  mov word [edi + 4], 0x8e00
  mov edx, eax
  shr edx, 16
  mov [edi + 6], dx
  add edi, 8
  add eax, STUB_SIZE
  loop .gate
  lidt [idt_pointer]
  mov dx, 0x3f9                         ; COM1: no interrupts, 115200 8N1
  xor eax, eax
  out dx, al
  mov eax, cr4
  or eax, 8                             ; DE
  mov cr4, eax
  jmp cases

; --- exceptions --------------------------------------------------------------------------------
STUB_SIZE equ 16
align 16
stubs:
%assign vector 0
%rep 66
  %if vector = 8 || (vector >= 10 && vector <= 14) || vector = 17
    nop
    nop
  %else
    push byte 0
  %endif
  push dword vector
  jmp exception
  times (STUB_SIZE - (($ - stubs) % STUB_SIZE)) % STUB_SIZE nop
  %assign vector vector + 1
%endrep

; On the stack: 32 bytes of PUSHAD, vector, error, EIP, CS, EFLAGS.
exception:
  pushad
  cld
  mov eax, [esp + 40]
  cmp eax, [case_start]
  jb .outside
  cmp eax, [case_end]
  ja .outside
  inc dword [events]
  cmp dword [events], 20
  ja .recover
  mov al, '['
  call put_char
  mov eax, [esp + 32]
  call put_byte
  bt dword [with_error], eax
  jnc .ip
  cmp eax, 31
  ja .ip
  call put_space
  mov eax, [esp + 36]
  call put_word
.ip:
  call put_space
  mov eax, [esp + 40]
  sub eax, [case_start]
  call put_byte
  call put_space
  mov al, 'R'
  test dword [esp + 48], 0x10000
  jnz .rf
  mov al, '-'
.rf:
  call put_char
  mov al, 'T'
  test dword [esp + 48], TF
  jnz .tf
  mov al, '-'
.tf:
  call put_char
  cmp dword [esp + 32], 13
  je .ecx
  cmp dword [esp + 32], 1
  jne .close
  call put_space
  mov eax, dr6
  and eax, 0xe00f
  call put_word
  mov eax, dr0
  cmp eax, [esp + 40]
  jne .clear
  or dword [esp + 48], 0x10000          ; over an instruction breakpoint
.clear:
  mov eax, 0xffff0ff0
  mov dr6, eax
.ecx:
  call put_space
  mov eax, [esp + 24]
  call put_word
.close:
  mov al, ']'
  call put_char
  mov eax, [esp + 32]
  cmp eax, 1
  je .resume
  cmp eax, 2
  je .nmi
  cmp eax, 3
  je .resume
  cmp eax, 4
  je .resume
  cmp eax, 64
  jae .resume
.recover:
  mov esp, [case_stack]
  push dword 2
  popfd
  jmp [case_end]
.nmi:
  cmp dword [nmi_again], 0
  je .resume
  dec dword [nmi_again]
  call send_nmi
  nop
  mov al, '.'                           ; still in the first one
  call put_char
.resume:
  mov eax, [esp + 40]
  cmp eax, [case_end]
  jne .return
.outside:
  and dword [esp + 48], ~TF
.return:
  popad
  add esp, 8
  iretd

send_nmi:
  mov dword [LAPIC + 0x310], 0
  mov dword [LAPIC + 0x300], 0x44400    ; NMI, self, asserted
  mov eax, [LAPIC + 0x300]
  ret

; --- cases -------------------------------------------------------------------------------------
begin_case:
  pop esi
  call put_string                       ; leaves ESI behind the name
  mov [case_stack], esp
  mov dword [events], 0
  push esi
  xor eax, eax
  mov dr7, eax
  mov ecx, 3
  mov ebx, 0
  mov esi, source
  mov edi, target
  ret

end_case:
  xor eax, eax
  mov dr7, eax
  mov eax, 0xffff0ff0
  mov dr6, eax
  push ds
  pop es
  mov al, 13
  call put_char
  mov al, 10
  jmp put_char

put_string:
  lodsb
  test al, al
  jz .end
  call put_char
  jmp put_string
.end:
  mov al, ':'
  call put_char
put_space:
  mov al, ' '
put_char:
  push edx
  push eax
  mov dx, 0x3fd
.wait:
  in al, dx
  test al, 0x20
  jz .wait
  pop eax
  mov dx, 0x3f8
  out dx, al
  pop edx
  ret
put_word:
  push eax
  shr eax, 8
  call put_byte
  pop eax
put_byte:
  push eax
  shr eax, 4
  call .digit
  pop eax
  push eax
  call .digit
  pop eax
  ret
.digit:
  and al, 15
  cmp al, 10
  sbb al, 0x69
  das
  jmp put_char

cases:
  %include "exceptions-cases.inc"
  mov dx, 0x604                         ; ACPI: off
  mov ax, 0x2000
  out dx, ax
  cli
  hlt

; --- data --------------------------------------------------------------------------------------
align 8
with_error: dd 1 << 8 | 31 << 10 | 1 << 17
gdt:
  dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_end:
gdt_pointer: dw gdt_end - gdt - 1
  dd gdt
idt_pointer: dw 66 * 8 - 1
  dd idt
source: db "abcdefgh"
image_end:

VARIABLES equ BASE + 0x4000
absolute VARIABLES
word_operand: resb 32
case_start: resd 1
case_end: resd 1
case_stack: resd 1
events: resd 1
nmi_again: resd 1
alignb 16
target: resb 64
alignb 8
idt: resq 66
  resb 4096
stack_top:
memory_end:
