// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot.h - the boot arguments: "key=value key=value", read from the public page.
//
// The same on both platforms: the command line on host, the boot loader's line on pc. Constant after boot.
// It does not know quotes; a value ends at the next space.
#ifndef LIB_BOOT_H
#define LIB_BOOT_H

#include <stddef.h>
#include <stdint.h>

// The value of key, copied to out and cut to room - 1 characters; returns out, or NULL when key is not there (out is
// untouched). A key without '=' has the value "".
const char *boot_argument(const char *key, char *out, size_t room);

// The value of key as a decimal or 0x number with an optional suffix K, M or G (powers of 1024); fallback when key is
// not there or its value is no such number.
uint64_t boot_number(const char *key, uint64_t fallback);

#endif
