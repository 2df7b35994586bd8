// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// lockdown_mpk.c - the kernel stops serving everybody but the nucleus.
//
// Three layers: mseal (no mapping changes any more), Syscall User Dispatch with an empty allowed range (the selector
// byte on key 15 decides), and seccomp behind it: one call site, eight numbers (and what arena_rules() allow). The
// vsyscall page, which the second does not see, is trapped by the third. rseq and robust lists were never registered:
// there is no libc.
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include "host.h"

#define NR_MSEAL 462

void lockdown_seal(uint64_t address, size_t bytes) {
    if (bytes && SYSCALL(NR_MSEAL, address, bytes, 0) < 0) nucleus_panic("mseal", address);
}

static const uint32_t allowed[] = {__NR_read, __NR_write, __NR_ppoll, __NR_rt_sigreturn, __NR_timer_settime,
                                   __NR_clock_gettime, __NR_getrandom, __NR_exit_group};
#define ALLOWED (sizeof allowed / sizeof *allowed)

void lockdown(void) {
    uint64_t after = (uint64_t)nucleus_syscall_site + 2; // seccomp sees the address behind the instruction
    size_t more;
    const struct sock_filter *rules = arena_rules(&more);
    struct sock_filter filter[ALLOWED + 9 + more];
    size_t n = 0;
    uint8_t to_trap = (uint8_t)(7 + more + ALLOWED - 2);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, to_trap--), to_trap--;
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)after, 0, to_trap--), to_trap--;
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(after >> 32), 0, to_trap--), to_trap--;
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < more; i++) filter[n++] = rules[i];
    for (size_t i = 0; i < ALLOWED; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], (uint8_t)(ALLOWED - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = (uint16_t)n, .filter = filter};
    if (SYSCALL(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) nucleus_panic("PR_SET_DUMPABLE", 0);
    if (SYSCALL(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &public_area.cpu.syscall_selector) < 0) nucleus_panic("Syscall User Dispatch", 0);
    if (SYSCALL(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) nucleus_panic("PR_SET_NO_NEW_PRIVS", 0);
    if (SYSCALL(__NR_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0) nucleus_panic("seccomp", 0);
}
