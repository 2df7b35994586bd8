// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// copy.h - copies of payload, counted: what clients send and get, on its way between a device and where it is kept.
//
// Interface: copy_data (instead of memcpy), copy_count (beside a copy made otherwise, like heap_realloc's)
//
// Who asks how often a byte of a request is copied greps for these two, and reads the count in the system's report
// (STAT copied). Headers, names, descriptors and the components' own records are copied by memcpy, uncounted.
// The count lies among the domain's slots (slots_asm.h: SLOT_COPIED), for all components of the domain together.
#ifndef LIB_COPY_H
#define LIB_COPY_H

#include <stdint.h>
#include "private_copy.h"

extern uint64_t domain_copied;

static inline void copy_count(size_t bytes) {
    __asm__("addq %1, %0" : "+m"(domain_copied) : "r"(bytes) : "cc"); // one instruction: threads do not lose counts
}

// Source and destination must not overlap. What another domain can write is read once, as by private_copy().
static inline void copy_data(void *to, const void *from, size_t bytes) {
    copy_count(bytes);
    private_copy(to, from, bytes);
}

#endif
