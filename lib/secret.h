// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// secret.h - a key for SipHash that only this domain knows.
//
// It calls entropy_word(): the domain gets an edge to who provides that. It is for a component's start, not for many.
#ifndef LIB_SECRET_H
#define LIB_SECRET_H

#include <stdint.h>

// Draws secret. When there is no source of entropy, it logs so in who's name, and makes one of boot_random and the
// time stamp counter: strangers cannot guess that, but another domain can. Returns 0; -EDOMAINDEAD, and nothing
// drawn, when the source's domain is dead: <component>_init passes that on, and is called again after a while. At the
// fourth start in a row that hears it, the source counts as gone. Does not block.
int secret_draw(const char *who, uint64_t secret[2]);

#endif
