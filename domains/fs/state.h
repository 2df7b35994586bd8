// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// state.h - everything that fs knows, in one struct; private to fs.
//
// The component's lock protects all of it. fs_state is made by each fs_init; fs_kept is what a restart leaves alone
// (persist.h), and every pointer in it leads into its own region. Handles are not kept: their generations are, so that
// old ones are stale.
#ifndef FS_STATE_H
#define FS_STATE_H

#include "ram.h"
#include "vfs.h"

struct open_file {
    struct fs_node *node;        // held; NULL: the slot is free
    int64_t position;
    uint32_t flags;              // enum fs_open_flag
};
#define GENERATION_MAX 0x7fff    // a handle is not negative
#define FS_FILES_BYTES ((size_t)CONFIG_FS_FILES_KIB * 1024)

struct fs_state {
    struct vfs vfs;
    struct ram ram;              // mounted at `/`
    struct open_file files[FS_OPEN_MAX];
    uint32_t next;               // where the search for a free slot begins: a slot rests as long as possible
    uint32_t open_handles;
};

struct fs_kept {
    struct ram_kept ram;
    uint16_t generations[FS_OPEN_MAX];   // of each slot of files: 1 .. GENERATION_MAX, never 0
    uint64_t map[HEAP_MAP_WORDS(FS_FILES_BYTES)]; // ram_reopen's own; untouched before the first restart
    char region[FS_FILES_BYTES] __attribute__((aligned(64)));
};

extern struct fs_state fs_state;
extern struct fs_kept fs_kept;

// The open file of a handle. -EBADF: no handle. -ESTALE: it was closed.
int handle_find(fs_file_t handle, struct open_file **out);
// The same; -EBADF unless it was opened for access (FS_READ or FS_WRITE), -EISDIR for a directory.
int handle_find_file(fs_file_t handle, uint32_t access, struct open_file **out);

// Ends everything: for the tests. Handles must be closed before.
void fs_end(void);

#endif
