// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// rights.h - are the live rights (PKRU) exactly those of the domain in which this code runs?
//
// Source: the key table of docs/architecture.md: own key and shared heap read and write, public page read, all else none.
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include "address_map_asm.h"
#include "domain.h"

#define RIGHTS_DENY_ALL 0x55555555u // the access-disable bit of all sixteen keys
#define RIGHTS_KEY(key) (3u << (2 * (key)))

// RDPKRU is harmless: it only reads, and the rights are no secret.
__attribute__((target("pku"))) static inline bool rights_are_own(void) {
    uint32_t pkru = __builtin_ia32_rdpkru();
    uint32_t open = RIGHTS_KEY(domain_self) | RIGHTS_KEY(PKEY_ARENA);
    uint32_t denied = RIGHTS_DENY_ALL & ~open & ~RIGHTS_KEY(PKEY_PUBLIC);
    return (pkru & RIGHTS_DENY_ALL) == denied && !(pkru & open) && (pkru & RIGHTS_KEY(PKEY_PUBLIC)) == 2u << (2 * PKEY_PUBLIC);
}

#endif
