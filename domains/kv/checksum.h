// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// checksum.h - CRC-64/XZ, private to kv. Pure.
//
// Finds damage, not malice: whoever can write the bytes can write their checksum too.
// Source: ECMA-182 for the polynomial; Kounavis and Berry, ISCC 2005, for eight bytes at a time.
#ifndef KV_CHECKSUM_H
#define KV_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// The checksum of what gave checksum (0: nothing), followed by data.
uint64_t checksum_add(uint64_t checksum, const void *data, size_t bytes);

#endif
