// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// checksum.c - see checksum.h.
#include <stdbool.h>
#include "checksum.h"
#include "string.h"

#define POLYNOMIAL 0xc96c5795d7870f42 // ECMA-182, lowest bit first
#define STRIDE 8                      // bytes at a time: one table each

static uint64_t tables[STRIDE][256];  // [k][b]: what byte b, followed by k zero bytes, leaves
static bool is_open;

static void tables_open(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint64_t rest = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            rest = rest >> 1 ^ (rest & 1 ? POLYNOMIAL : 0);
        tables[0][byte] = rest;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (unsigned k = 1; k < STRIDE; k++)
            tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
    is_open = true;
}

uint64_t checksum_add(uint64_t checksum, const void *data, size_t bytes) {
    const unsigned char *from = data;
    if (!is_open)
        tables_open();
    checksum = ~checksum;
    for (; bytes >= STRIDE; bytes -= STRIDE, from += STRIDE) {
        uint64_t word;
        memcpy(&word, from, sizeof(word));
        word ^= checksum;
        checksum = 0;
        for (unsigned k = 0; k < STRIDE; k++)
            checksum ^= tables[STRIDE - 1 - k][word >> (8 * k) & 0xff];
    }
    for (; bytes; bytes--)
        checksum = checksum >> 8 ^ tables[0][(checksum ^ *from++) & 0xff];
    return ~checksum;
}
