// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// record.h - what a snapshot file consists of, for snapshot_write.c and snapshot_read.c; snapshot.h has the picture.
#ifndef KV_RECORD_H
#define KV_RECORD_H

#include "snapshot.h"
#include "stream.h"

#define RECORD_MAGIC "CLOISTKV"
#define RECORD_VERSION 1

enum record_kind { RECORD_KEY = 1, RECORD_LAST = 2, RECORD_ELEMENT = 3, RECORD_END = 4 };

struct record_start {
    char magic[8];
    uint32_t version, zero;
};

struct record {
    uint8_t kind, type;       // enum record_kind; of a key: enum type
    uint16_t zero;
    uint32_t bytes;           // of the payload that follows
};

struct record_key {           // and then the key itself
    int64_t expires_ms;
    uint64_t elements;
};

struct record_end {
    uint64_t keys, checksum;
};

// Types and kinds are numbers in files: they stay what they are.
_Static_assert(TYPE_STRING == 0 && TYPE_LIST == 1 && TYPE_SET == 2 && TYPE_ZSET == 3 && TYPE_HASH == 4 && TYPE_STREAM == 5,
               "files of version 1");
_Static_assert(sizeof(struct record_start) == 16 && sizeof(struct record) == 8 && sizeof(struct record_key) == 16,
               "no gaps");

#endif
