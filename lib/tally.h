// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// tally.h - adds up objects of the shared heap (system.h: struct system_object) by domain, and by owner, size and call
// site.
//
// The monitor's statistics and the shell use it. Rows may be nonsense: then sums are, and nothing else.
#ifndef LIB_TALLY_H
#define LIB_TALLY_H

#include "address_map_asm.h"
#include "system.h"

#define TALLY_SITES 64

struct tally_domain {
    uint64_t owned, cached, lent;    // bytes; cached and lent are part of owned
    uint64_t given;                  // bytes that its quota pays for and another owns
    uint32_t objects;                // that it owns
};
struct tally_site {
    char site[SYSTEM_SITE_BYTES];    // "": not known
    uint32_t owner, bytes, objects;  // bytes: of each
};
struct tally {
    struct tally_domain domain[DOMAIN_MAX]; // 0: no domain's, as orphans are
    struct tally_site site[TALLY_SITES];    // objects in use; those in caches have none
    uint32_t sites, unlisted;               // unlisted: objects beyond TALLY_SITES
};

void tally_add(struct tally *tally, const struct system_object *rows, int count);
// Most bytes first.
void tally_sort(struct tally *tally);

#endif
