// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// template.c - see template.h.
//
// Invariant: total is the number of counted bytes since init. The component's lock protects it.
#include "template.h"

#define TEXT_BYTES_MAX 4096

static uint64_t total_bytes;

int template_init(uint32_t generation, int persist_valid)
{
    (void)generation;
    (void)persist_valid;
    total_bytes = 0;
    return 0;
}

int template_add(const char *text, size_t bytes)
{
    if (bytes > TEXT_BYTES_MAX)
        return -EINVAL;
    // The caller can change text while we read it: each byte is read once, and no decision depends on a second look.
    int counted = 0;
    for (size_t i = 0; i < bytes; i++)
        counted += text[i] != ' ';
    total_bytes += (uint64_t)counted;
    return counted;
}

int template_total(uint64_t *total)
{
    *total = total_bytes;
    return 0;
}
