// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// arena_strict.c - the shared heap's mapping in strict mode: the monitor has pages of it change their key.
//
// The one mapping of a domain's address that is not sealed, since mseal forbids changes of keys as well; seccomp allows
// nothing but that, and only here. The alias is sealed and keeps key 0. Linux splits its mapping where keys change and
// merges it where they are equal again: with other keys on each page there is one for each, and Linux bounds their
// number.
#include <asm/unistd.h>
#include <asm/mman.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/mman.h>
#include "host.h"

#define ARENA_PAGES (ARENA_BYTES / PAGE_BYTES)
#define MAPS_BESIDE 3072           // pieces of memory.c, each twice, and what Linux has for any process
#define MAPS_DEFAULT 65530         // vm.max_map_count, if it cannot be read
#define PROT_RW (PROT_READ | PROT_WRITE)
_Static_assert(ARENA_PAGES < 32768, "two mappings a page at worst, below Linux's usual bound");
_Static_assert((uint32_t)ARENA_BASE == 0, "rules compare the low half of an address with ARENA_BYTES");

const uint32_t arena_key = DOMAIN_MONITOR;
const bool arena_is_sealed = false;

#define RULES 29
#define ARGUMENT(n, half) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]) + 4 * (half))
#define TRAP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define WANT(comparison, value) BPF_JUMP(BPF_JMP | (comparison) | BPF_K, (value), 1, 0), TRAP
#define REFUSE(comparison, value) BPF_JUMP(BPF_JMP | (comparison) | BPF_K, (value), 0, 1), TRAP

static const struct sock_filter rules[] = {
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_pkey_mprotect, 0, RULES - 1),
    ARGUMENT(0, 1), WANT(BPF_JEQ, ARENA_BASE >> 32),
    ARGUMENT(1, 1), WANT(BPF_JEQ, 0),
    ARGUMENT(1, 0), REFUSE(BPF_JGT, ARENA_BYTES),
    BPF_STMT(BPF_MISC | BPF_TAX, 0),
    ARGUMENT(0, 0), REFUSE(BPF_JGT, ARENA_BYTES),
    BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), REFUSE(BPF_JGT, ARENA_BYTES),
    ARGUMENT(2, 1), WANT(BPF_JEQ, 0),
    ARGUMENT(2, 0), WANT(BPF_JEQ, PROT_RW),
    ARGUMENT(3, 0), WANT(BPF_JGE, DOMAIN_MONITOR), REFUSE(BPF_JGE, DOMAIN_MAX),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
_Static_assert(sizeof rules / sizeof *rules == RULES, "the first jump");

const struct sock_filter *arena_rules(size_t *count) { return *count = RULES, rules; }

static uint64_t maps_max(void) {
    char text[16];
    int fd = (int)SYSCALL(__NR_open, "/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC, 0);
    int64_t bytes = fd < 0 ? fd : SYSCALL(__NR_read, fd, text, sizeof text);
    if (fd >= 0) SYSCALL(__NR_close, fd);
    uint64_t value = 0;
    for (int64_t i = 0; i < bytes && text[i] >= '0' && text[i] <= '9'; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    return bytes > 0 ? value : MAPS_DEFAULT;
}

void arena_check_machine(void) {
    if (maps_max() < ARENA_PAGES + MAPS_BESIDE)
        die_with("the strict mode of the shared heap can need a mapping for each of its 16384 pages, but Linux allows this "
                 "process fewer; raise vm.max_map_count to 19456 or more (65530 is usual), or build with "
                 "CONFIG_SHARED_HEAP_SHARED=y");
}
_Static_assert(ARENA_PAGES == 16384 && ARENA_PAGES + MAPS_BESIDE == 19456, "the sentence");

int nucleus_page_rekey(uintptr_t address, size_t pages, uint32_t domain) {
    uint64_t offset = address - ARENA_BASE;
    if (offset % PAGE_BYTES || offset >= ARENA_BYTES || pages > (ARENA_BYTES - offset) / PAGE_BYTES) return -EINVAL;
    if (domain < DOMAIN_MONITOR || domain >= domain_count) return -EINVAL;
    uint32_t pkey = domain_table[domain].pkey;
    return SYSCALL(__NR_pkey_mprotect, address, pages * PAGE_BYTES, PROT_RW, pkey) < 0 ? -ENOMEM : 0;
}
