// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strictthird.c - see strictthird.h.
#include "strictthird.h"

int strictthird_add(uint8_t *object, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) object[i]++;
    return (int)bytes;
}

int strictthird_refuse(const uint8_t *object, size_t bytes) { return (void)object, (void)bytes, -EPERM; }

int strictthird_touch(uintptr_t address) {
    *(volatile uint8_t *)address = 1;
    return 0;
}
