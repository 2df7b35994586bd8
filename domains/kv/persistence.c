// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// persistence.c - see persistence.h.
#include "clock.h"
#include "log.h"
#include "patience.h"
#include "persistence.h"
#include "snapshot.h"

#define PATIENCE_NS 2000000000  // fs restarts within a millisecond, or after back-offs of a second

static const char path[] = PERSISTENCE_FILE, temporary[] = PERSISTENCE_TEMPORARY;
#define PATH_BYTES (sizeof(path) - 1)
#define TEMPORARY_BYTES (sizeof(temporary) - 1)

static int write_file(const struct store *store, struct snapshot *snapshot) {
    fs_file_t file = file_open(temporary, FS_WRITE | FS_CREATE | FS_TRUNCATE);
    if (file < 0)
        return file;
    int result = snapshot_write(store, file, snapshot);
    result = result < 0 ? result : WITHIN_SECOND(fs_sync(file));
    file_close(file);
    return result < 0 ? result : WITHIN_SECOND(fs_rename(temporary, TEMPORARY_BYTES, path, PATH_BYTES));
}

int persistence_save(struct store *store) {
    struct snapshot snapshot;
    uint64_t start_ns = time_now_ns();
    int result = write_file(store, &snapshot);
    store->saved.failed = result < 0;
    if (result < 0) {
        int removed = WITHIN_SECOND(fs_unlink(temporary, TEMPORARY_BYTES));
        (void)removed; // what is left of it, the next save truncates
        log_line("kv: %s was not saved: %s (error %d)", path, file_error(result), -result);
        return result;
    }
    uint64_t took_ns = time_now_ns() - start_ns;
    store->saved.at_ms = store_now_ms();
    store->saved.changes = 0;
    store->saved.count++;
    log_line("kv: %s saved: %lu keys, %lu bytes, %lu ms", path, snapshot.keys, snapshot.bytes, took_ns / 1000000);
    return 0;
}

static int read_file(struct store *store, struct snapshot *snapshot) {
    *snapshot = (struct snapshot){0};
    fs_file_t file = file_open(path, FS_READ);
    if (file < 0)
        return file;
    int result = snapshot_read(NULL, file, snapshot);
    if (result == 0) {
        store_clear(store);
        int64_t start = WITHIN_SECOND(fs_seek(file, 0, FS_SEEK_SET));
        result = start < 0 ? (int)start : snapshot_read(store, file, snapshot);
        if (result < 0)
            store_clear(store);
    }
    file_close(file);
    return result;
}

int persistence_load(struct store *store) {
    struct snapshot snapshot;
    char name[64];
    uint64_t start_ns = time_now_ns();
    struct patience patience = {.until_ns = start_ns + PATIENCE_NS};
    int result = read_file(store, &snapshot);
    while (file_is_lost(result) && patience_wait(&patience))
        result = read_file(store, &snapshot);
    store->journal.incomplete = store->journal.is_on; // whatever it holds now
    if (result == -ENOENT)
        return result;
    if (result < 0) {
        const char *why = result == -EINVAL && snapshot.why ? snapshot.why : file_error(result);
        int kept = file_is_lost(result) ? result : file_put_aside(path, name, sizeof(name));
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

void persistence_start(struct store *store) {
    struct journal *journal = &store->journal;
    files_recover();
    bool wanted = journal_configure(journal);
    int result = wanted ? journal_load(store) : -ENOENT;
    if (result == -ENOENT)
        result = persistence_load(store);
    if (!wanted)
        return;
    journal->is_on = true;
    if (!journal->written) // a new file, of the snapshot or of nothing
        journal->incomplete = true;
    result = journal->incomplete ? journal_flush(store) : 0;
    (void)result; // said already; writes are refused until it succeeds
}
