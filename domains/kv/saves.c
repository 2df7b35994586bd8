// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// saves.c - SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, DEBUG RELOAD and LOADAOF, SHUTDOWN. Source: Redis 7.0, rdb.c, aof.c,
// debug.c, db.c.
//
// Nothing happens in the background: BGSAVE has saved when it answers, in the words that clients expect.
#include "commands.h"
#include "format.h"
#include "log.h"
#include "persistence.h"

static bool save(const struct request *request) {
    char text[100];
    int result = persistence_save(request->store);
    if (result == 0)
        return true;
    format(text, sizeof(text), "ERR %s was not saved: %s", PERSISTENCE_FILE, file_error(result));
    reply_error(request->reply, text);
    return false;
}

void command_save(struct request *request) {
    if (save(request))
        reply_ok(request->reply);
}

void command_bgsave(struct request *request) {
    if (request->count > 2 || (request->count == 2 && !request_is(request, 1, "schedule")))
        reply_error(request->reply, ERROR_SYNTAX);
    else if (save(request))
        reply_text(request->reply, "+Background saving started\r\n");
}

void command_lastsave(struct request *request) { reply_integer(request->reply, request->store->saved.at_ms / 1000); }

void command_bgrewriteaof(struct request *request) {
    char text[100];
    const struct journal *journal = &request->store->journal;
    uint64_t before = journal->written;
    int result = journal_rewrite(request->store);
    if (result == 0) {
        log_line("kv: %s rewritten: %zu keys, %lu bytes instead of %lu, %ld ms", JOURNAL_FILE,
                 store_count(request->store), journal->written, before, journal->rewrites.took_ms);
        reply_text(request->reply, "+Background append only file rewriting started\r\n");
        return;
    }
    format(text, sizeof(text), "ERR " JOURNAL_FILE " was not rewritten: %s", file_error(result));
    reply_error(request->reply, text);
}

static void load_log(const struct request *request) {
    struct store *store = request->store;
    int result = store->journal.is_on ? journal_flush(store) : -ENOENT;
    if (result == 0) {
        store_clear(store);
        result = journal_load(store);
    }
    if (result == 0)
        reply_ok(request->reply);
    else
        reply_error(request->reply, "ERR Error trying to load the AOF files, check server logs.");
}

// DEBUG RELOAD [NOSAVE], DEBUG LOADAOF
void command_debug(struct request *request) {
    if (debug_further(request))
        return;
    bool keeps_file = request->count == 3 && request_is(request, 2, "nosave");
    if (request->count == 2 && request_is(request, 1, "loadaof")) {
        load_log(request);
    } else if (!request_is(request, 1, "reload")) {
        request_unknown_subcommand(request);
    } else if (request->count > 3 || (request->count == 3 && !keeps_file)) {
        reply_error(request->reply, ERROR_SYNTAX);
    } else if (keeps_file || save(request)) {
        int result = persistence_load(request->store);
        if (result == 0)
            reply_ok(request->reply);
        else if (result == -ENOENT)
            reply_error(request->reply, "ERR there is no " PERSISTENCE_FILE);
        else
            reply_error(request->reply, "ERR Error trying to load the RDB dump, check server logs.");
    }
}

// Without SAVE nothing is saved, as by a Redis without save points (CONFIG GET save). ABORT finds nothing to end.
void command_shutdown(struct request *request) {
    static const char *const words[] = {"save", "nosave", "now", "force", "abort"};
    bool given[5] = {false};
    for (uint32_t i = 1; i < request->count; i++) {
        unsigned word = 0;
        while (word < 5 && !request_is(request, i, words[word]))
            word++;
        if (word == 5) {
            reply_error(request->reply, ERROR_SYNTAX);
            return;
        }
        given[word] = true;
    }
    if ((given[0] && given[1]) || (given[4] && request->count > 2)) {
        reply_error(request->reply, ERROR_SYNTAX);
    } else if (given[4]) {
        reply_error(request->reply, "ERR No shutdown in progress.");
    } else if (given[0] && persistence_save(request->store) < 0 && !given[3]) {
        reply_error(request->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
    } else {
        request->clients->shutdown = true;
        request->closes = true;
    }
}
