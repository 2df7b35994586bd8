// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stdlib.h - the one function of <stdlib.h> that lwIP's netif.c names (for interfaces called by name, unused here).
#ifndef NET_PORT_STDLIB_H
#define NET_PORT_STDLIB_H

static inline int atoi(const char *text) {
    int value = 0;
    while (*text >= '0' && *text <= '9')
        value = value * 10 + (*text++ - '0');
    return value;
}

#endif
