// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// journal.h - the append-only log (Redis' AOF): every change of the store, in a file of fs; private to kv.
//
// Interface: journal_configure, journal_set, journal_set_policy   on or off, and how soon
//            journal_begin, journal_word, journal_delete          a record
//            journal_accepts, journal_mark                        before and behind a command that writes
//            journal_is_pending, journal_due, journal_flush       once a round, before its replies leave
//            journal_rewrite, journal_load                        the whole file: written from the store, read into it
//
//   a command changes something --> record in memory --flush--> file --start--> the store again
//
// The file is what a client could have sent: commands as RESP arrays, each by its effect. Times are absolute, ids and
// members that chance or the clock chose are named. While it is read, nothing expires: what expired before is deleted
// by a record of its own.
// Invariant: the first `written` bytes of the file are whole writes of ours. What lies behind them (fs died in a write)
// is cut off before the next, so no record is there twice; records leave the memory only when fs has them.
// Invariant: store = file + bytes, unless incomplete; then only rewriting helps, and the next flush does that.
#ifndef KV_JOURNAL_H
#define KV_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "files.h"

#define JOURNAL_NAME "appendonly.aof"
#define JOURNAL_FILE FILES_FOLDER JOURNAL_NAME
#define JOURNAL_TEMPORARY FILES_FOLDER "temp.aof"
#define JOURNAL_REWRITE_PERCENT 100     // Redis: auto-aof-rewrite-percentage
#define JOURNAL_REWRITE_MIN (8 << 20)   // Redis has 64mb; a restart of fs looks at every 4 KiB of its files
#define JOURNAL_REFUSAL_MAX 120

struct store;

// When records have to be in fs: before the reply leaves; within a second; within half a minute, as Linux writes back.
enum journal_policy { JOURNAL_ALWAYS, JOURNAL_EVERYSEC, JOURNAL_NO, JOURNAL_POLICIES };
extern const char *const journal_policies[JOURNAL_POLICIES];

// Where the reply to a write that is not in fs yet lies, among what its client waits for.
struct journal_mark {
    size_t start, end;
    uint32_t socket;            // filled in by server.c
};

struct journal {
    bool is_on;
    bool incomplete;
    enum journal_policy policy;
    int error;                  // of the last flush; 0: it succeeded
    fs_file_t file;             // 0: not open
    uint64_t written;
    uint64_t base;              // bytes after the last rewriting, or at the start
    uint64_t rewrite_min;       // smaller files are not rewritten by themselves
    uint64_t next_ns;           // when to flush, unless always; after an error, when to try again
    char *bytes;                // private heap
    size_t used, room;
    struct journal_mark *marks; // private heap; with JOURNAL_ALWAYS, of the records in bytes
    uint32_t mark_count, mark_room;
    struct {
        uint64_t count;         // that succeeded
        int64_t took_ms;        // the last; -1: there was none
        bool failed;            // the last
    } rewrites;
};

// What the boot arguments appendonly= and appendfsync= say, or what the generation before was told by CONFIG SET.
// Returns whether the log is wanted; it is off until journal_set, or a caller that loads first, turns it on.
bool journal_configure(struct journal *journal);
// Turns the log on, with a file written from the store, or off, with the last record in the file. Returns 0, or an
// error of journal_rewrite: then it is as before.
int journal_set(struct store *store, bool is_on);
void journal_set_policy(struct journal *journal, enum journal_policy policy);

// A record of count words: begin, then every word. Without memory the log becomes incomplete.
void journal_begin(struct journal *journal, size_t count);
void journal_word(struct journal *journal, const void *bytes, size_t count);
void journal_delete(struct journal *journal, const char *key, size_t key_bytes);

// Whether a command may write now. False: why is the error to answer.
bool journal_accepts(struct journal *journal, char why[JOURNAL_REFUSAL_MAX]);
// The record was that of a command whose reply lies at [start, end). Cannot fail after journal_accepts.
void journal_mark(struct journal *journal, size_t start, size_t end);
// "MISCONF ...", as Redis, for the present error.
void journal_refusal(const struct journal *journal, char why[JOURNAL_REFUSAL_MAX]);

static inline bool journal_is_pending(const struct journal *journal) { return journal->used || journal->incomplete; }
// When journal_flush has to be called next: 0 at once, UINT64_MAX never (there is nothing to write).
uint64_t journal_due(const struct journal *journal);
// Writes all records. While fs is being restarted it waits, up to PATIENCE seconds the first time; nobody is served
// meanwhile. Returns 0, and forgets the marks; or the error: from then on writes are refused until a flush succeeds.
// Says on the console when it fails, and when it succeeds again.
int journal_flush(struct store *store);

// Writes the file anew from the store, by way of another name. Returns 0; or an error of fs, or -ENOMEM: the file
// before stays, and the console says so. Nobody is served meanwhile.
int journal_rewrite(struct store *store);

// Adds what the file says to store, which is empty, and has journal go on behind it. A command at the end that is not
// whole is cut off. Waits for fs for as long as it takes: a server that cannot read its data has nothing to say.
// Returns 0; -ENOENT when there is none; -EINVAL when it is damaged, -ENOMEM when store cannot hold it, or an error of
// fs: store has what comes before, the file has another name, and the log is incomplete.
int journal_load(struct store *store);

#endif
