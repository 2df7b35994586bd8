// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// evidence.c - what was inconsistent after a restart, for whoever wants to know why: a file of the new tree.
//
//   evidence_take    before that memory is made new: copies a page of it
//   evidence_save    afterwards: writes /lost+found/restart-<generation>: a line of text, struct ram_kept, the page
//
// Bounded: one page, and one file, since it is the first of an empty tree. It decides nothing by what it copies.
#include "evidence.h"
#include "format.h"
#include "state.h"
#include "string.h"

#define EVIDENCE_BYTES 4096
#define DIRECTORY "/lost+found"

static PERSISTENT struct {       // so that a restart need not clear it
    struct ram_kept kept;
    char page[EVIDENCE_BYTES];
} evidence;

void evidence_take(const struct ram_evidence *found) {
    size_t first = found->offset / EVIDENCE_BYTES * EVIDENCE_BYTES;
    size_t left = first < sizeof(fs_kept.region) ? sizeof(fs_kept.region) - first : 0;
    evidence.kept = fs_kept.ram;
    memcpy(evidence.page, fs_kept.region + first, left < EVIDENCE_BYTES ? left : EVIDENCE_BYTES);
}

bool evidence_save(uint32_t generation, const char *why, const struct ram_evidence *found,
                   char path[EVIDENCE_PATH_BYTES]) {
    char text[200];
    size_t path_bytes = format(path, EVIDENCE_PATH_BYTES, DIRECTORY "/restart-%u", generation);
    size_t bytes = format(text, sizeof(text), "%s; near number %lu, byte %lu of the files' memory: the table, and the page\n",
                          why, found->number, (unsigned long)found->offset);
    if (fs_mkdir(DIRECTORY, sizeof(DIRECTORY) - 1) < 0)
        return false;
    int file = fs_open(path, path_bytes, FS_WRITE | FS_CREATE | FS_APPEND);
    bool is_saved = file >= 0 && fs_write(file, text, bytes) == (int64_t)bytes &&
                    fs_write(file, &evidence, sizeof(evidence)) == sizeof(evidence);
    return (file < 0 || fs_close(file) == 0) && is_saved;
}
