// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// files.c - see files.h.
#include "files.h"
#include "copy.h"
#include "format.h"
#include "patience.h"
#include "persist.h"
#include "string.h"
#include "xheap.h"

#define ASIDE_MAX 1000         // names for files that could not be loaded

PERSISTENT static fs_file_t noted[FILES_OPEN_MAX]; // 0: none, since no handle is 0 (fs: generation << 16 | index)

// Replaces the first entry that is from by to.
static void note(fs_file_t from, fs_file_t to) {
    unsigned i = 0;
    while (i < FILES_OPEN_MAX && noted[i] != from)
        i++;
    if (i < FILES_OPEN_MAX)
        noted[i] = to;
}

fs_file_t file_open(const char *path, uint32_t flags) {
    fs_file_t file = WITHIN_SECOND(fs_open(path, strlen(path), flags));
    if (file > 0)
        note(0, file);
    return file;
}

void file_close(fs_file_t file) {
    int closed = WITHIN_SECOND(fs_close(file));
    (void)closed; // a lost handle is closed
    note(file, 0);
}

// Whatever the entries say: a handle that is none any more is refused.
void files_recover(void) {
    for (unsigned i = 0; i < FILES_OPEN_MAX; i++)
        if (noted[i])
            file_close(noted[i]);
}

const char *file_error(int error) {
    switch (error) {
    case -ENOSPC: return "the file system is full";
    case -ENOMEM: return "out of memory";
    case -EMFILE: return "too many open files";
    case -EDOMAINDEAD: return "the file system died";
    case -ESTALE: return "the file system was restarted";
    case -EISDIR: return "it is a directory";
    default: return "the file system failed";
    }
}

int file_put_aside(const char *path, char *name, size_t room) {
    struct fs_stat stat;
    int result = 0;
    for (unsigned i = 1; i <= ASIDE_MAX && result == 0; i++) {
        format(name, room, "%s.refused-%u", path, i);
        result = WITHIN_SECOND(fs_stat(name, strlen(name), &stat));
    }
    if (result == -ENOENT)
        return WITHIN_SECOND(fs_rename(path, strlen(path), name, strlen(name)));
    return result < 0 ? result : -EEXIST;
}

int file_writer_open(struct file_writer *writer, fs_file_t file) {
    *writer = (struct file_writer){.file = file, .buffer = xheap_alloc(FS_IO_MAX)};
    return writer->buffer ? 0 : -ENOMEM;
}

static void flush(struct file_writer *writer) {
    for (size_t done = 0; done < writer->used && !writer->error;) {
        int64_t result = WITHIN_SECOND(fs_write(writer->file, writer->buffer + done, writer->used - done));
        if (result < 0)
            writer->error = (int)result;
        else if (result == 0 || (uint64_t)result > writer->used - done) // a lie: fs.h promises neither
            writer->error = -EIO;
        else
            done += (size_t)result;
    }
    writer->used = 0;
}

void file_put(struct file_writer *writer, const void *data, size_t bytes) {
    const char *from = data;
    writer->bytes += bytes;
    while (bytes && !writer->error) {
        size_t room = FS_IO_MAX - writer->used, part = bytes < room ? bytes : room;
        copy_data(writer->buffer + writer->used, from, part);
        writer->used += part;
        from += part;
        bytes -= part;
        if (writer->used == FS_IO_MAX)
            flush(writer);
    }
}

int file_writer_close(struct file_writer *writer) {
    flush(writer);
    int result = xheap_free(writer->buffer);
    (void)result; // our own object, lent to nobody now
    return writer->error;
}
