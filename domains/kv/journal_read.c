// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// journal_read.c - a log into the store; see journal.h.
//
// What is read is parsed and checked like what a client sends. The file is read in the largest pieces that fs has.
#include "buffer.h"
#include "clock.h"
#include "command.h"
#include "log.h"
#include "patience.h"
#include "xheap.h"

#define WAIT_SAID_NS 2000000000

struct replay {
    struct store *store;
    fs_file_t file;              // 0: not open
    char *object;                // shared heap
    struct buffer input;         // what was read and not executed yet
    struct resp_parser parser;
    uint64_t offset, executed;   // of the file: read so far; up to the end of the last whole command
    uint64_t commands;
    const char *why;             // after -EINVAL
};

// Up to FS_IO_MAX bytes to object. fs may die meanwhile, and is back as soon as it answers.
static int64_t read_some(struct replay *replay) {
    struct patience patience = {.until_ns = time_now_ns() + WAIT_SAID_NS};
    for (;;) {
        int64_t result = replay->file ? 0 : file_open(JOURNAL_FILE, FS_READ);
        if (result > 0)
            replay->file = (fs_file_t)result;
        if (result >= 0)
            result = WITHIN_SECOND(fs_pread(replay->file, replay->object, FS_IO_MAX, (int64_t)replay->offset));
        if (!file_is_lost(result))
            return result > FS_IO_MAX ? -EIO : result;
        if (replay->file)
            file_close(replay->file);
        replay->file = 0;
        if (!patience_wait(&patience)) {
            log_line("kv: %s cannot be read: %s; waiting for it", JOURNAL_FILE, file_error((int)result));
            patience = (struct patience){.until_ns = UINT64_MAX, .turns = PATIENCE_YIELDS};
        }
    }
}

static int damaged(struct replay *replay, const char *why) {
    replay->why = why;
    return -EINVAL;
}

// Executes the whole commands of the input.
static int execute(struct replay *replay) {
    while (buffer_bytes(&replay->input)) {
        const char *input = buffer_first(&replay->input);
        if (*input != '*')
            return damaged(replay, "it has something else than a command");
        enum resp_status status = resp_parse(&replay->parser, input, buffer_bytes(&replay->input));
        if (status == RESP_INCOMPLETE)
            return 0;
        if (status != RESP_REQUEST)
            return status == RESP_NO_MEMORY ? -ENOMEM : damaged(replay, "it has a malformed command");
        int result = command_replay(replay->store, &replay->parser, input);
        if (result < 0)
            return result == -EINVAL ? damaged(replay, "it has a command that cannot be executed") : result;
        replay->commands++;
        replay->executed += replay->parser.position;
        buffer_consume(&replay->input, replay->parser.position);
        resp_next(&replay->parser);
    }
    return 0;
}

static int read_all(struct replay *replay) {
    int64_t result;
    while ((result = read_some(replay)) > 0) {
        replay->offset += (uint64_t)result;
        if (!buffer_append(&replay->input, replay->object, (size_t)result, SIZE_MAX))
            return -ENOMEM;
        int executed = execute(replay);
        if (executed < 0)
            return executed;
    }
    return (int)result;
}

int journal_load(struct store *store) {
    struct replay replay = {.store = store};
    struct patience patience = {.until_ns = UINT64_MAX};
    struct journal *journal = &store->journal;
    char name[64] = "";
    uint64_t start_ns = time_now_ns();
    while (!(replay.object = xheap_alloc(FS_IO_MAX)) && patience_wait(&patience))
        continue;
    resp_open(&replay.parser);
    bool was_on = journal->is_on;
    journal->is_on = false;
    store->is_loading = true;
    int result = read_all(&replay);
    store->is_loading = false;
    journal->is_on = was_on;
    resp_close(&replay.parser);
    if (replay.input.bytes)
        buffer_consume(&replay.input, buffer_bytes(&replay.input));
    if (replay.file)
        file_close(replay.file);
    int freed = xheap_free(replay.object);
    (void)freed; // our own object, lent to nobody now
    if (result == -ENOENT)
        return result;
    uint64_t took_us = (time_now_ns() - start_ns) / 1000;
    store->saved.changes = 0;
    journal->written = journal->base = replay.executed;
    journal->incomplete = result < 0;
    if (journal->file) // the next opening cuts the file
        file_close(journal->file);
    journal->file = 0;
    if (result == 0) {
        log_line("kv: %s loaded: %zu keys from %lu commands, %lu bytes, %lu us; %lu bytes of a last one cut off",
                 JOURNAL_FILE, store_count(store), replay.commands, replay.executed, took_us,
                 replay.offset - replay.executed);
        return 0;
    }
    int kept = file_put_aside(JOURNAL_FILE, name, sizeof(name));
    log_line("kv: %s refused from byte %lu on: %s; %s%s (error %d), and the server has %zu keys", JOURNAL_FILE,
             replay.executed, replay.why ? replay.why : file_error(result),
             kept == 0 ? "it is now " : "it will be overwritten", kept == 0 ? name : "", -kept, store_count(store));
    return result;
}
