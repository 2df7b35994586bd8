// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// snapshot.h - the store as one file of fs, private to kv.
//
// Interface: snapshot_write, snapshot_read
//
//   file     "CLOISTKV" | version (4) | 0 (4) | records
//   record   kind (1) | type (1) | 0 (2) | payload bytes (4) | payload
//     KEY      expires_ms (8; wall clock since 1970, 0: never) | elements (8) | the key.  type: enum type
//     LAST     in a stream, before its elements: the last id, ms (8) | sequence (8)
//     ELEMENT  one of the key, in order.  string, list, set: the bytes   zset: score (8; real.h) | name
//              hash: name bytes (4) | name | value                       stream: an item (stream.h)
//     END      keys (8) | CRC-64/XZ of everything before this number (8)
//
// Numbers are little endian. A later format has another version; this one never changes.
// Invariant: whatever a file says, a store that was read from it keeps its own invariants: the checksum finds damage, but
// fs, or whoever may write its files, can compute one too. It knows no paths: persistence.h does.
#ifndef KV_SNAPSHOT_H
#define KV_SNAPSHOT_H

#include "fs.h"
#include "store.h"

struct snapshot {
    uint64_t keys, bytes;   // in the file
    uint64_t expired;       // read: keys whose time had come, and which were left out
    const char *why;        // after -EINVAL: what is wrong with the file
};

// Writes every key, but those whose time has come, at the position of file. Returns 0; -ENOMEM when the shared heap has no
// object for the buffer; or an error of fs_write, such as -ENOSPC. Takes time in proportion to the store; does not block.
int snapshot_write(const struct store *store, fs_file_t file, struct snapshot *snapshot);

// Reads file, which is at its start, and adds its keys to store; NULL: it is only checked. Returns 0; -EINVAL when the
// file is no snapshot, or a damaged one; -ENOMEM when the store, or the heap, has no room; or an error of fs. After an
// error, store holds some of the keys.
int snapshot_read(struct store *store, fs_file_t file, struct snapshot *snapshot);

#endif
