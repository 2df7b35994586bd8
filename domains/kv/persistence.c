// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// persistence.c - see persistence.h.
#include "clock.h"
#include "format.h"
#include "fs.h"
#include "log.h"
#include "persistence.h"
#include "snapshot.h"
#include "string.h"

#define REFUSED_MAX 1000       // names for files that could not be loaded

static const char path[] = PERSISTENCE_FILE, temporary[] = PERSISTENCE_TEMPORARY;
#define PATH_BYTES (sizeof(path) - 1)
#define TEMPORARY_BYTES (sizeof(temporary) - 1)

const char *persistence_error(int error) {
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

static int write_file(const struct store *store, struct snapshot *snapshot) {
    fs_file_t file = fs_open(temporary, TEMPORARY_BYTES, FS_WRITE | FS_CREATE | FS_TRUNCATE);
    if (file < 0)
        return file;
    int result = snapshot_write(store, file, snapshot);
    result = result < 0 ? result : fs_sync(file);
    int closed = fs_close(file);
    result = result < 0 ? result : closed;
    return result < 0 ? result : fs_rename(temporary, TEMPORARY_BYTES, path, PATH_BYTES);
}

int persistence_save(struct store *store) {
    struct snapshot snapshot;
    uint64_t start_ns = time_now_ns();
    int result = write_file(store, &snapshot);
    store->saved.failed = result < 0;
    if (result < 0) {
        int removed = fs_unlink(temporary, TEMPORARY_BYTES);
        (void)removed; // what is left of it, the next save truncates
        log_line("kv: %s was not saved: %s (error %d)", path, persistence_error(result), -result);
        return result;
    }
    uint64_t took_ns = time_now_ns() - start_ns;
    store->saved.at_ms = store_now_ms();
    store->saved.changes = 0;
    store->saved.count++;
    log_line("kv: %s saved: %lu keys, %lu bytes, %lu ms", path, snapshot.keys, snapshot.bytes, took_ns / 1000000);
    return 0;
}

// Gives the file another name, which it prints to name. Returns 0 or an error of fs.
static int put_aside(char *name, size_t room) {
    struct fs_stat stat;
    int result = 0;
    for (unsigned i = 1; i <= REFUSED_MAX && result == 0; i++) {
        format(name, room, "%s.refused-%u", path, i);
        result = fs_stat(name, strlen(name), &stat);
    }
    return result == -ENOENT ? fs_rename(path, PATH_BYTES, name, strlen(name)) : result < 0 ? result : -EEXIST;
}

static int read_file(struct store *store, struct snapshot *snapshot) {
    *snapshot = (struct snapshot){0};
    fs_file_t file = fs_open(path, PATH_BYTES, FS_READ);
    if (file < 0)
        return file;
    int result = snapshot_read(NULL, file, snapshot);
    if (result == 0) {
        store_clear(store);
        int64_t start = fs_seek(file, 0, FS_SEEK_SET);
        result = start < 0 ? (int)start : snapshot_read(store, file, snapshot);
        if (result < 0)
            store_clear(store);
    }
    int closed = fs_close(file);
    (void)closed; // it was only read
    return result;
}

int persistence_load(struct store *store) {
    struct snapshot snapshot;
    char name[64];
    uint64_t start_ns = time_now_ns();
    int result = read_file(store, &snapshot);
    if (result == -ENOENT)
        return result;
    if (result < 0) {
        const char *why = result == -EINVAL && snapshot.why ? snapshot.why : persistence_error(result);
        int kept = put_aside(name, sizeof(name));
        if (kept == 0)
            log_line("kv: %s refused: %s; it is now %s, and the server has %zu keys", path, why, name,
                     store_count(store));
        else
            log_line("kv: %s refused: %s; the next save overwrites it (error %d)", path, why, -kept);
        return result;
    }
    store->saved.changes = 0;
    log_line("kv: %s loaded: %zu keys, %lu expired, %lu ms", path, store_count(store), snapshot.expired,
             (time_now_ns() - start_ns) / 1000000);
    return 0;
}
