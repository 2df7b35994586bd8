// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// arena_shared.c - the shared heap in shared mode: one key, which every domain has.
#include "pc.h"

const uint32_t arena_key = PKEY_ARENA;

int nucleus_page_rekey(uintptr_t address, size_t pages, uint32_t domain) {
    (void)address, (void)pages, (void)domain;
    return -ENODEV;
}
