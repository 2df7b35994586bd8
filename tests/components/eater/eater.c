// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// eater.c - see eater.h.
#include "eater.h"
#include "address_map_asm.h"
#include "alloc.h"
#include "errors.h"

static uint64_t pages_eaten;

// Not inlined: the backtrace of the panic in which it ends is to name it.
static __attribute__((noinline)) uint64_t eat_pages(volatile char *room, uint64_t bytes) {
    uint64_t pages = 0;
    for (uint64_t at = 0; at < bytes; at += PAGE_BYTES, pages++) room[at] = 1;
    return pages;
}

int eater_eat(uint64_t bytes) {
    char *room = heap_alloc(bytes);
    if (!room)
        return -ENOMEM;
    pages_eaten += eat_pages(room, bytes);
    return 0;
}
