// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// resume_host.S - where interrupted code gets its registers and rights back, and where signals enter the nucleus (host).
//
// RESUME_STUB: one per domain, and one of the monitor's per domain that gives: its phase in a GATE_GIVES gate goes on with
// the rights to read that domain's list. The nucleus wrote {rdx, rcx, rax, r11, iretq frame} and a fresh nonce into the domain's
// slots; every other register is loaded already. Value check alone was an escape: RSP must come from the domain's page.
// nucleus_signal_entry: a half gate; the kernel starts handlers with key 0 only, the nucleus needs key 15 as well.

.macro RESUME_STUB label name pkru
    .balign 64
    .globl resume_\label, resume_\label\()_end
// FROM: nucleus_exit_stub, malice.  LIVE: r11 = nonce; rbx rbp rsi rdi r8-r10 r12-r15 are already the domain's.
// PKRU: N.  IRQ: a signal anywhere in the stub starts it again from the nucleus's saved copy.
resume_\label:
    xor  %ecx, %ecx
    xor  %edx, %edx
    mov  $\pkru, %eax
resume_\label\()_w:
    wrpkru
    cmp  $\pkru, %eax
    jne  gate_die
    test %r11, %r11                           // 0 is never valid: it is what a used page holds
    jz   gate_die
    cmp  SLOT(\name, NONCE), %r11             // the nucleus, and nobody else, prepared this page just now
    jne  gate_die
    lfence
    movq $0, SLOT(\name, NONCE)               // once
    lea  SLOT(\name, FRAME), %rsp
    pop  %rdx
    pop  %rcx
    pop  %rax
    pop  %r11
    iretq                                     // the true point at which the domain goes on
resume_\label\()_end:
.endm

.macro SIGNAL_ENTRY
    .balign 64
    .globl nucleus_signal_entry
// void nucleus_signal_entry(int signal, siginfo_t *, ucontext_t *), entered by the kernel on the alternate stack.
// FROM: the kernel (PKRU key 0 only), malice.  LIVE: rdi rsi rdx.  The first load faults under every domain's rights.
nucleus_signal_entry:
    mov  nucleus_signal_token(%rip), %r11
    mov  %rdx, %r8
    xor  %ecx, %ecx
    xor  %edx, %edx
    mov  $GATE_PKRU_NUCLEUS, %eax
// FROM: above, malice with EAX = PKRU_N, who cannot know the token.  PKRU: N after.
nucleus_signal_entry_w:
    wrpkru
    cmp  $GATE_PKRU_NUCLEUS, %eax
    jne  gate_die
    cmp  nucleus_signal_token(%rip), %r11
    jne  gate_die
    lfence                                    // slow path: a fence is simpler than masks
    mov  %r8, %rdx
    push $2                                   // the kernel leaves NT and AC as they were, also at sigreturn: with NT
    popfq                                     // the stub's iretq faults
    jmp  nucleus_signal                       // first use of the stack: it is the kernel's choice from here
nucleus_signal_entry_end:
.endm
