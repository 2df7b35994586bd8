// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// private_copy.h - reads what another domain can write exactly once.
//
// The barrier keeps the compiler from reading the original again where the code names the copy: between a check and
// its use the other domain could have changed it.
#ifndef LIB_PRIVATE_COPY_H
#define LIB_PRIVATE_COPY_H

#include "string.h"

static inline void private_copy(void *to, const void *shared, size_t bytes) {
    memcpy(to, shared, bytes);
    __asm__ volatile("" ::: "memory");
}

#endif
