// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// tally.c - see tally.h.
#include "tally.h"
#include <stdbool.h>
#include "string.h"

static uint64_t bytes_of(const struct tally_site *site) { return (uint64_t)site->bytes * site->objects; }
static uint32_t domain_of(uint32_t number) { return number < DOMAIN_MAX ? number : 0; }

static void add_site(struct tally *tally, const struct system_object *row) {
    uint32_t owner = domain_of(row->owner), i = 0;
    for (; i < tally->sites; i++) {
        const struct tally_site *site = &tally->site[i];
        bool same = site->owner == owner && site->bytes == row->bytes;
        if (same && !strncmp(site->site, row->site, SYSTEM_SITE_BYTES - 1)) break;
    }
    if (i == TALLY_SITES) {
        tally->unlisted++;
        return;
    }
    struct tally_site *site = &tally->site[i];
    if (i == tally->sites) {
        *site = (struct tally_site){.owner = owner, .bytes = row->bytes};
        memcpy(site->site, row->site, strnlen(row->site, SYSTEM_SITE_BYTES - 1));
        tally->sites++;
    }
    site->objects++;
}

void tally_add(struct tally *tally, const struct system_object *rows, int count) {
    for (int i = 0; i < count; i++) {
        const struct system_object *row = &rows[i];
        struct tally_domain *owner = &tally->domain[domain_of(row->owner)];
        owner->objects++;
        owner->owned += row->bytes;
        if (row->payer != row->owner) tally->domain[domain_of(row->payer)].given += row->bytes;
        if (row->state == SYSTEM_OBJECT_LENT) owner->lent += row->bytes;
        if (row->state == SYSTEM_OBJECT_CACHED) owner->cached += row->bytes;
        else add_site(tally, row);
    }
}

void tally_sort(struct tally *tally) {
    for (uint32_t i = 1; i < tally->sites; i++) {
        struct tally_site moved = tally->site[i];
        uint32_t at = i;
        for (; at && bytes_of(&tally->site[at - 1]) < bytes_of(&moved); at--) tally->site[at] = tally->site[at - 1];
        tally->site[at] = moved;
    }
}
