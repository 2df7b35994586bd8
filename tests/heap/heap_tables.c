// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heap_tables.c - what the image's linker script places: readable by their names, writable by others. Without the
// address sanitizer, which cannot follow aliases.
#include "heap_system.h"

struct xheap_owner heap_owner_table[XHEAP_GRANULES];
extern const volatile struct xheap_owner owner_table[XHEAP_GRANULES] __attribute__((alias("heap_owner_table")));
uint8_t heap_chunk_class[XHEAP_CHUNKS];
extern const volatile uint8_t chunk_class[XHEAP_CHUNKS] __attribute__((alias("heap_chunk_class")));
struct domain heap_domains[HEAP_DOMAINS];
extern const struct domain domain_table[HEAP_DOMAINS] __attribute__((alias("heap_domains")));
const uint32_t domain_count = HEAP_DOMAINS;
