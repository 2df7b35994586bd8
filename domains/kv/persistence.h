// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// persistence.h - the snapshot file: how it is replaced, and what becomes of one that cannot be read; private to kv.
//
// Interface: persistence_start, persistence_save, persistence_load
//
// Invariant: PERSISTENCE_FILE is a whole snapshot, the old one or the new one: a save writes PERSISTENCE_TEMPORARY, and
// renames it. Both functions say in one console line what they did, or why not.
#ifndef KV_PERSISTENCE_H
#define KV_PERSISTENCE_H

#include "store.h"

#define PERSISTENCE_NAME "dump.kv"
#define PERSISTENCE_FILE FILES_FOLDER PERSISTENCE_NAME
#define PERSISTENCE_TEMPORARY FILES_FOLDER "temp.kv"

// What a start does: loads the log when that is wanted and there is one, else the snapshot, and turns the log on.
void persistence_start(struct store *store);

// Writes a snapshot. Returns 0; or an error of snapshot_write or fs: then the snapshot before is untouched. Nobody is
// served meanwhile.
int persistence_save(struct store *store);

// Replaces what store holds by the snapshot. The file is read twice, and first only checked, so that a damaged one
// leaves store as it was. Returns 0; -ENOENT when there is none (then without a line); -EINVAL when it is damaged;
// -ENOMEM when store, which then is empty, cannot hold it; or an error of fs, for whose restart it waits up to two
// seconds. A file that could not be loaded gets another name, so that no later save overwrites it; but for one that fs,
// being down, could not show.
int persistence_load(struct store *store);

#endif
