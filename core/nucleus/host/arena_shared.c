// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// arena_shared.c - the shared heap's mapping in shared mode: one key, which every domain has, sealed like all others.
#include "host.h"

const uint32_t arena_key = PKEY_ARENA;
const bool arena_is_sealed = true;

void arena_check_machine(void) {}

const struct sock_filter *arena_rules(size_t *count) { return *count = 0, NULL; }

int nucleus_page_rekey(uintptr_t address, size_t pages, uint32_t domain) {
    (void)address, (void)pages, (void)domain;
    return -ENODEV;
}
