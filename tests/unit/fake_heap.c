// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fake_heap.c - the private heap on malloc, so that the address sanitizer watches every block.
#include <malloc.h>
#include "alloc.h"
#include "fake.h"

size_t fake_heap_used, fake_heap_limit = SIZE_MAX, fake_heap_countdown = SIZE_MAX;

void *heap_alloc(size_t bytes) {
    if (fake_heap_countdown-- == 0) // and then counts down from SIZE_MAX
        return NULL;
    if (bytes > fake_heap_limit || fake_heap_used > fake_heap_limit - bytes)
        return NULL;
    char *address = malloc(bytes ? bytes : 1);
    fake_heap_used += malloc_usable_size(address);
    memset(address, 0xa5, bytes);
    return address;
}

void *heap_zalloc(size_t bytes) {
    void *address = heap_alloc(bytes);
    return address ? memset(address, 0, bytes) : NULL;
}

void heap_free(void *address) {
    fake_heap_used -= address ? malloc_usable_size(address) : 0;
    free(address);
}

void *heap_realloc(void *address, size_t bytes) {
    void *moved = heap_alloc(bytes);
    if (moved && address) {
        size_t old = malloc_usable_size(address);
        memcpy(moved, address, old < bytes ? old : bytes);
        heap_free(address);
    }
    return moved;
}
