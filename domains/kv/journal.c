// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// journal.c - see journal.h. Source: Redis 7.0, aof.c.
#include "alloc.h"
#include "boot.h"
#include "clock.h"
#include "copy.h"
#include "format.h"
#include "log.h"
#include "number.h"
#include "patience.h"
#include "persist.h"
#include "store.h"
#include "string.h"
#include "xheap.h"

#define PATIENCE_NS 2000000000     // fs restarts within a millisecond, or after back-offs of a second
#define AGAIN_NS 100000000         // how often to look whether fs is back after that
#define GATHER_BYTES FS_IO_MAX     // the policies that wait do not wait for more than that
#define ROOM_BYTES 65536           // kept from round to round
#define ROOM_KEPT_MAX (1 << 20)
#define MARKS_MIN 256

const char *const journal_policies[JOURNAL_POLICIES] = {"always", "everysec", "no"};
static const uint64_t delays_ns[JOURNAL_POLICIES] = {0, 1000000000, 30000000000};

// What CONFIG SET said, for the next generation: 0 nothing, else 1 + policy * 2 + is_on.
PERSISTENT static uint32_t kept;

static void keep(const struct journal *journal) { kept = 1 + journal->policy * 2 + journal->is_on; }

bool journal_configure(struct journal *journal) {
    char word[16] = "", policy[16] = "";
    bool wanted = boot_argument("appendonly", word, sizeof(word)) && !strcmp(word, "yes");
    *journal = (struct journal){.policy = JOURNAL_EVERYSEC, .rewrites.took_ms = -1};
    boot_argument("appendfsync", policy, sizeof(policy));
    for (unsigned i = 0; i < JOURNAL_POLICIES; i++)
        if (!strcmp(policy, journal_policies[i]))
            journal->policy = (enum journal_policy)i;
    uint32_t before = kept;
    if (before && before <= JOURNAL_POLICIES * 2) {
        journal->policy = (enum journal_policy)((before - 1) / 2);
        wanted = (before - 1) % 2;
    }
    return wanted;
}

void journal_set_policy(struct journal *journal, enum journal_policy policy) {
    journal->policy = policy;
    journal->next_ns = 0;
    keep(journal);
}

int journal_set(struct store *store, bool is_on) {
    struct journal *journal = &store->journal;
    int result = 0;
    if (is_on && !journal->is_on)
        result = journal_rewrite(store);
    else if (!is_on && journal->is_on)
        result = journal_flush(store);
    if (result < 0 && is_on)
        return result;
    journal->is_on = is_on;
    keep(journal);
    if (is_on)
        return 0;
    if (journal->file)
        file_close(journal->file);
    heap_free(journal->bytes);
    heap_free(journal->marks);
    *journal = (struct journal){.policy = journal->policy, .rewrites = journal->rewrites};
    return 0;
}

static bool has_room(struct journal *journal, size_t bytes) {
    if (bytes <= journal->room - journal->used)
        return true;
    size_t wanted = journal->used + bytes, room = wanted < ROOM_BYTES ? ROOM_BYTES : wanted + wanted / 2;
    char *more = heap_realloc(journal->bytes, room);
    if (!more && !(more = heap_realloc(journal->bytes, room = wanted)))
        return false;
    journal->bytes = more;
    journal->room = room;
    return true;
}

static void put_line(struct journal *journal, char type, uint64_t number) {
    if (has_room(journal, NUMBER_LINE_MAX))
        journal->used = (size_t)(number_line(journal->bytes + journal->used, type, number, false) - journal->bytes);
    else
        journal->incomplete = true;
}

void journal_begin(struct journal *journal, size_t count) { put_line(journal, '*', count); }

void journal_word(struct journal *journal, const void *bytes, size_t count) {
    put_line(journal, '$', count);
    if (!has_room(journal, count + 2)) {
        journal->incomplete = true;
        return;
    }
    char *out = journal->bytes + journal->used;
    copy_data(out, bytes, count);
    memcpy(out + count, "\r\n", 2);
    journal->used += count + 2;
}

void journal_delete(struct journal *journal, const char *key, size_t key_bytes) {
    journal_begin(journal, 2);
    journal_word(journal, "DEL", 3);
    journal_word(journal, key, key_bytes);
}

void journal_refusal(const struct journal *journal, char why[JOURNAL_REFUSAL_MAX]) {
    format(why, JOURNAL_REFUSAL_MAX, "MISCONF Errors writing to the AOF file: %s", file_error(journal->error));
}

bool journal_accepts(struct journal *journal, char why[JOURNAL_REFUSAL_MAX]) {
    if (journal->error) {
        journal_refusal(journal, why);
        return false;
    }
    if (journal->policy != JOURNAL_ALWAYS || journal->mark_count < journal->mark_room)
        return true;
    uint32_t room = journal->mark_room ? journal->mark_room * 2 : MARKS_MIN;
    struct journal_mark *more = heap_realloc(journal->marks, room * sizeof(*more));
    if (!more) {
        format(why, JOURNAL_REFUSAL_MAX, "OOM command not allowed when used memory > 'maxmemory'.");
        return false;
    }
    journal->marks = more;
    journal->mark_room = room;
    return true;
}

void journal_mark(struct journal *journal, size_t start, size_t end) {
    if (journal->policy == JOURNAL_ALWAYS)
        journal->marks[journal->mark_count++] = (struct journal_mark){.start = start, .end = end};
}

uint64_t journal_due(const struct journal *journal) {
    if (!journal_is_pending(journal))
        return UINT64_MAX;
    bool is_late = !journal->error && (journal->policy == JOURNAL_ALWAYS || journal->used >= GATHER_BYTES);
    return is_late ? 0 : journal->next_ns;
}

// Opens the file, and cuts off what is not ours. A file that lost what was written to it makes the log incomplete.
static int reopen(struct journal *journal) {
    struct fs_stat stat = {0};
    fs_file_t file = file_open(JOURNAL_FILE, FS_WRITE);
    int result = file == -ENOENT ? 0 : file < 0 ? file : WITHIN_SECOND(fs_fstat(file, &stat));
    uint64_t bytes = stat.bytes; // lent: fs could change it still
    if (result == 0 && bytes < journal->written) {
        log_line("kv: %s has %lu of %lu bytes; it is written anew", JOURNAL_FILE, bytes, journal->written);
        journal->incomplete = true;
    } else if (result == 0 && bytes > journal->written) {
        result = WITHIN_SECOND(fs_truncate(file, (int64_t)journal->written));
    }
    if (file > 0 && (result < 0 || journal->incomplete))
        file_close(file);
    else if (file > 0)
        journal->file = file;
    else if (result == 0) // there was none, and none is needed
        journal->incomplete = true;
    return result;
}

static int append(struct journal *journal) {
    int64_t result = journal->file ? 0 : reopen(journal);
    if (result < 0 || journal->incomplete)
        return (int)result;
    char *object = xheap_alloc(FS_IO_MAX);
    if (!object)
        return -ENOMEM;
    size_t done = 0, part;
    while (done < journal->used && result >= 0) {
        part = journal->used - done < FS_IO_MAX ? journal->used - done : FS_IO_MAX;
        copy_data(object, journal->bytes + done, part);
        result = WITHIN_SECOND(fs_pwrite(journal->file, object, part, (int64_t)journal->written));
        if (result == 0 || result > (int64_t)part) // a lie: fs.h promises neither
            result = -EIO;
        if (result > 0) {
            done += (size_t)result;
            journal->written += (uint64_t)result; // the true point from which on these bytes are never written again
        }
    }
    int freed = xheap_free(object);
    (void)freed; // our own object, lent to nobody now
    journal->used -= done;
    if (journal->used && done)
        memmove(journal->bytes, journal->bytes + done, journal->used);
    if (result < 0 && result != -ENOSPC) { // whatever it was, a fresh handle cannot be worse
        file_close(journal->file);
        journal->file = 0;
    }
    return result < 0 ? (int)result : 0;
}

static int write_once(struct store *store) {
    int result = store->journal.incomplete ? 0 : append(&store->journal);
    return result == 0 && store->journal.incomplete ? journal_rewrite(store) : result;
}

static bool is_too_large(struct journal *journal) {
    if (!journal->rewrite_min) {
        struct fs_statistics statistics = {0};
        int told = WITHIN_SECOND(fs_statistics(&statistics));
        uint64_t quarter = statistics.limit_bytes / 4; // for the file, its successor, and snapshots
        journal->rewrite_min = told == 0 && quarter < JOURNAL_REWRITE_MIN ? quarter : JOURNAL_REWRITE_MIN;
    }
    uint64_t most = journal->base + journal->base / 100 * JOURNAL_REWRITE_PERCENT;
    return journal->written > (most < journal->rewrite_min ? journal->rewrite_min : most);
}

int journal_flush(struct store *store) {
    struct journal *journal = &store->journal;
    int before = journal->error, result = write_once(store);
    struct patience patience = {.until_ns = before || result == 0 ? 0 : time_now_ns() + PATIENCE_NS};
    while (result < 0 && result != -ENOSPC && patience_wait(&patience)) // all but a full file system may pass
        result = write_once(store);
    if (result < 0 && !before)
        log_line("kv: %s is not written: %s (error %d); until it is, writes are refused", JOURNAL_FILE,
                 file_error(result), -result);
    else if (result == 0 && before)
        log_line("kv: %s is written again", JOURNAL_FILE);
    journal->error = result;
    journal->next_ns = time_now_ns() + (result < 0 ? AGAIN_NS : delays_ns[journal->policy]);
    if (result < 0)
        return result;
    journal->mark_count = 0;
    if (journal->room > ROOM_KEPT_MAX) {
        heap_free(journal->bytes);
        journal->bytes = NULL;
        journal->room = 0;
    }
    if (is_too_large(journal)) {
        int rewritten = journal_rewrite(store);
        (void)rewritten; // said already, and the file goes on to grow
    }
    return 0;
}
