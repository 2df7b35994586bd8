// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// files.h - what kv's files have in common: names, handles, writing in large pieces; private to kv.
//
// Interface: file_open, file_close, files_recover; file_writer_open, file_put, file_writer_close; file_put_aside,
//            file_is_lost, file_error
//
// fs knows no owners of handles: what kv has open is noted in persistent memory, so that the generation after a death
// of kv closes it.
// Invariant: at most FILES_OPEN_MAX handles are open.
#ifndef KV_FILES_H
#define KV_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fs.h"

#define FILES_OPEN_MAX 3       // the log, its successor, a snapshot
#define FILES_FOLDER "/"

// fs_open and fs_close of a name that ends with NUL.
fs_file_t file_open(const char *path, uint32_t flags);
void file_close(fs_file_t file);
// Closes what the generation before left open. Call it once, before the first file_open.
void files_recover(void);

// fs died in the call, or was restarted since the handle was opened. Its files are there again, or will be soon.
static inline bool file_is_lost(int64_t result) { return result == -EDOMAINDEAD || result == -ESTALE; }
// What an error of fs means, for people.
const char *file_error(int error);

// Gives the file another name, which it prints to name, so that nothing overwrites it. Returns 0 or an error of fs.
int file_put_aside(const char *path, char *name, size_t room);

// Bytes are gathered in one shared-heap object of FS_IO_MAX bytes, which fs takes without a copy in between.
struct file_writer {
    fs_file_t file;
    char *buffer;              // shared heap
    size_t used;
    uint64_t bytes;            // all that was put
    int error;                 // the first; nothing is written any more
};

// Writes at the position of file, which stays the caller's. -ENOMEM: the shared heap has no such object.
int file_writer_open(struct file_writer *writer, fs_file_t file);
void file_put(struct file_writer *writer, const void *data, size_t bytes);
// Writes the rest. Returns 0, or the first error.
int file_writer_close(struct file_writer *writer);

#endif
