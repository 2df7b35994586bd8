// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// config.c - CONFIG GET, SET, RESETSTAT. Source: Redis 7.0, config.c.
//
// SET knows appendonly and appendfsync; everything else is decided by the configuration of the build, or never.
#include "commands.h"
#include "format.h"
#include "glob.h"
#include "persistence.h"
#include "string.h"

#define VALUE_MAX 24           // of a setting that is made up for the answer

static const char *maximum(const struct store *store, char out[VALUE_MAX]) {
    format(out, VALUE_MAX, "%zu", store->memory.limit_bytes);
    return out;
}

static const char *percentage(const struct store *store, char out[VALUE_MAX]) {
    (void)store;
    format(out, VALUE_MAX, "%u", JOURNAL_REWRITE_PERCENT);
    return out;
}

static const char *least(const struct store *store, char out[VALUE_MAX]) {
    format(out, VALUE_MAX, "%lu", store->journal.rewrite_min ? store->journal.rewrite_min : JOURNAL_REWRITE_MIN);
    return out;
}

static const char *append_only(const struct store *store, char out[VALUE_MAX]) {
    (void)out;
    return store->journal.is_on ? "yes" : "no";
}

static const char *append_fsync(const struct store *store, char out[VALUE_MAX]) {
    (void)out;
    return journal_policies[store->journal.policy];
}

static const struct {
    const char *name, *value;
    const char *(*print)(const struct store *store, char out[VALUE_MAX]); // NULL: value
} settings[] = {{"save", "", NULL}, {"dir", FILES_FOLDER, NULL}, {"dbfilename", PERSISTENCE_NAME, NULL},
                {"appendonly", NULL, append_only}, {"appendfsync", NULL, append_fsync},
                {"appendfilename", JOURNAL_NAME, NULL}, {"aof-load-truncated", "yes", NULL},
                {"auto-aof-rewrite-percentage", NULL, percentage}, {"auto-aof-rewrite-min-size", NULL, least},
                {"databases", "1", NULL}, {"maxmemory", NULL, maximum}, {"maxmemory-policy", "noeviction", NULL},
                {"proto-max-bulk-len", "536870912", NULL}, {"timeout", "0", NULL}, {"tcp-keepalive", "0", NULL}};
#define SETTINGS (sizeof(settings) / sizeof(*settings))

static bool is_asked(const struct request *request, const char *name) {
    char pattern[64];
    for (uint32_t i = 2; i < request->count; i++) {
        struct span span = request_argument(request, i);
        size_t bytes = span.length < sizeof(pattern) ? span.length : sizeof(pattern);
        for (size_t j = 0; j < bytes; j++)
            pattern[j] = (char)(span.bytes[j] >= 'A' && span.bytes[j] <= 'Z' ? span.bytes[j] | 0x20 : span.bytes[j]);
        if (glob_matches(pattern, bytes, name, strlen(name)))
            return true;
    }
    return false;
}

static void config_get(const struct request *request) {
    char value[VALUE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < SETTINGS; i++)
        count += is_asked(request, settings[i].name);
    reply_array(request->reply, 2 * count);
    for (size_t i = 0; i < SETTINGS; i++)
        if (is_asked(request, settings[i].name)) {
            reply_word(request->reply, settings[i].name);
            const char *text = settings[i].print ? settings[i].print(request->store, value) : settings[i].value;
            reply_word(request->reply, text);
        }
}

// Which of words argument index is; count when it is none.
static unsigned word_of(const struct request *request, uint32_t index, const char *const *words, unsigned count) {
    unsigned word = 0;
    while (word < count && !request_is(request, index, words[word]))
        word++;
    return word;
}

static void refuse(const struct request *request, const char *name, const char *why) {
    char text[200];
    format(text, sizeof(text), "ERR CONFIG SET failed (possibly related to argument '%s') - %s", name, why);
    reply_error(request->reply, text);
}

// CONFIG SET name value ...: all or nothing, but for a log that cannot be turned on.
static void config_set(const struct request *request) {
    static const char *const names[] = {"appendonly", "appendfsync"}, *const booleans[] = {"no", "yes"};
    struct journal *journal = &request->store->journal;
    unsigned wanted[2] = {journal->is_on, journal->policy}, counts[2] = {2, JOURNAL_POLICIES};
    for (uint32_t i = 2; i < request->count; i += 2) {
        unsigned name = word_of(request, i, names, 2);
        if (name == 2) {
            char text[200];
            struct span span = request_argument(request, i);
            format(text, sizeof(text), "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                   (int)(span.length < 128 ? span.length : 128), span.bytes);
            for (char *c = text; *c; c++)
                *c = *c == '\r' || *c == '\n' ? ' ' : *c;
            reply_error(request->reply, text);
            return;
        }
        wanted[name] = word_of(request, i + 1, name ? journal_policies : booleans, counts[name]);
        if (wanted[name] == counts[name]) {
            refuse(request, names[name], name ? "argument(s) must be one of the following: everysec, always, no"
                                              : "argument must be 'yes' or 'no'");
            return;
        }
    }
    journal_set_policy(journal, (enum journal_policy)wanted[1]);
    if (journal_set(request->store, wanted[0]) < 0)
        refuse(request, "appendonly", "Unable to turn on AOF. Check server logs.");
    else
        reply_ok(request->reply);
}

void command_config(struct request *request) {
    if (request_is(request, 1, "resetstat")) {
        request->clients->commands = 0;
        reply_ok(request->reply);
    } else if (request_is(request, 1, "get") && request->count >= 3) {
        config_get(request);
    } else if (request_is(request, 1, "set") && request->count >= 4 && request->count % 2 == 0) {
        config_set(request);
    } else if (request_is(request, 1, "set") && request->count >= 4) {
        reply_error(request->reply, ERROR_SYNTAX);
    } else if (request_is(request, 1, "get") || request_is(request, 1, "set")) {
        char text[80];
        format(text, sizeof(text), "ERR wrong number of arguments for 'config|%s' command",
               request_is(request, 1, "get") ? "get" : "set");
        reply_error(request->reply, text);
    } else {
        request_unknown_subcommand(request);
    }
}
