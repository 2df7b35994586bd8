// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// command.c - see command.h.
//
// Invariant: a key is copied to private memory before it is hashed or compared; a value is copied exactly once, into the
// store. Nothing of a request outlives its execution.
#include "alloc.h"
#include "command.h"
#include "format.h"
#include "string.h"

#define NAME_MAX 8              // longest known command name, and one more
#define UNKNOWN_PART_MAX 128    // Redis quotes that much of an unknown command and of its arguments
#define KEY_SMALL 256           // longer keys are copied to the heap

struct request {
    struct store *store;
    const struct resp_parser *parser;
    const char *input;
    struct reply *reply;
};

struct key {
    char *bytes;
    size_t length;
    char small[KEY_SMALL];
};

static void reply_out_of_memory(struct reply *reply) {
    reply_error(reply, "OOM command not allowed when used memory > 'maxmemory'.");
}

static bool key_open(const struct request *request, uint32_t index, struct key *key) {
    const char *from = resp_argument(request->parser, request->input, index, &key->length);
    key->bytes = key->length <= KEY_SMALL ? key->small : heap_alloc(key->length);
    if (!key->bytes) {
        reply_out_of_memory(request->reply);
        return false;
    }
    memcpy(key->bytes, from, key->length);
    return true;
}

static void key_close(struct key *key) {
    if (key->bytes != key->small)
        heap_free(key->bytes);
}

static void ping(const struct request *request) {
    size_t bytes;
    if (request->parser->count > 2) {
        reply_error(request->reply, "ERR wrong number of arguments for 'ping' command");
    } else if (request->parser->count == 2) {
        const char *message = resp_argument(request->parser, request->input, 1, &bytes);
        reply_bulk(request->reply, message, bytes);
    } else {
        reply_text(request->reply, "+PONG\r\n");
    }
}

static void set(const struct request *request) {
    struct key key;
    size_t bytes;
    if (request->parser->count > 3) {
        reply_error(request->reply, "ERR syntax error");
        return;
    }
    if (!key_open(request, 1, &key))
        return;
    const char *value = resp_argument(request->parser, request->input, 2, &bytes);
    if (store_set(request->store, key.bytes, key.length, value, bytes) == 0)
        reply_text(request->reply, "+OK\r\n");
    else
        reply_out_of_memory(request->reply);
    key_close(&key);
}

static void get(const struct request *request) {
    struct key key;
    size_t bytes;
    if (!key_open(request, 1, &key))
        return;
    const char *value = store_get(request->store, key.bytes, key.length, &bytes);
    if (value)
        reply_bulk(request->reply, value, bytes);
    else
        reply_text(request->reply, "$-1\r\n");
    key_close(&key);
}

static void del(const struct request *request) {
    int64_t deleted = 0;
    for (uint32_t i = 1; i < request->parser->count; i++) {
        struct key key;
        if (!key_open(request, i, &key))
            return; // this key does not fit the heap, so it is in no store; those before it are gone, as they should be
        deleted += store_delete(request->store, key.bytes, key.length);
        key_close(&key);
    }
    reply_integer(request->reply, deleted);
}

static void increment(const struct request *request, const struct key *key) {
    size_t bytes;
    int64_t value = 0;
    const char *old = store_get(request->store, key->bytes, key->length, &bytes);
    if (old && !resp_integer(old, bytes, &value)) {
        reply_error(request->reply, "ERR value is not an integer or out of range");
        return;
    }
    if (__builtin_add_overflow(value, 1, &value)) {
        reply_error(request->reply, "ERR increment or decrement would overflow");
        return;
    }
    char text[24];
    bytes = format(text, sizeof(text), "%ld", value);
    if (store_set(request->store, key->bytes, key->length, text, bytes) == 0)
        reply_integer(request->reply, value);
    else
        reply_out_of_memory(request->reply);
}

static void incr(const struct request *request) {
    struct key key;
    if (!key_open(request, 1, &key))
        return;
    increment(request, &key);
    key_close(&key);
}

static const struct command {
    const char *name;
    int arity;                  // arguments with the name; negative: at least that many
    void (*run)(const struct request *request);
} commands[] = {
    {"get", 2, get}, {"set", -3, set}, {"incr", 2, incr}, {"del", -2, del}, {"ping", -1, ping},
};

// Appends at most limit bytes of argument index, up to a NUL, with line ends turned into blanks. Returns the new length.
static size_t append_argument(const struct request *request, uint32_t index, char *out, size_t used, size_t limit) {
    size_t bytes;
    const volatile char *from = resp_argument(request->parser, request->input, index, &bytes);
    for (size_t i = 0; i < bytes && i < limit; i++) {
        char character = from[i];
        if (!character)
            break;
        out[used++] = character == '\r' || character == '\n' ? ' ' : character;
    }
    return used;
}

static void unknown(const struct request *request) {
    char text[2 * UNKNOWN_PART_MAX + 80]; // the fixed words, both parts, and the last argument's quotes and blank
    size_t used = format(text, sizeof(text), "ERR unknown command '");
    used = append_argument(request, 0, text, used, UNKNOWN_PART_MAX);
    used += format(text + used, sizeof(text) - used, "', with args beginning with: ");
    size_t first = used;
    for (uint32_t i = 1; i < request->parser->count && used - first < UNKNOWN_PART_MAX; i++) {
        size_t limit = UNKNOWN_PART_MAX - (used - first);
        text[used++] = '\'';
        used = append_argument(request, i, text, used, limit);
        text[used++] = '\'';
        text[used++] = ' ';
    }
    text[used] = 0;
    reply_error(request->reply, text);
}

// Copies the command's name in lower case; false when it is longer than every known one.
static bool name_open(const struct request *request, char name[NAME_MAX]) {
    size_t bytes;
    const volatile char *from = resp_argument(request->parser, request->input, 0, &bytes);
    if (bytes >= NAME_MAX)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        char character = from[i];
        if (!character)
            return false;
        name[i] = character >= 'A' && character <= 'Z' ? (char)(character | 0x20) : character;
    }
    name[bytes] = 0;
    return true;
}

bool command_execute(struct store *store, const struct resp_parser *parser, const char *input, struct reply *reply) {
    struct request request = {store, parser, input, reply};
    char name[NAME_MAX], text[64];
    if (name_open(&request, name)) {
        if (!strcmp(name, "quit")) {
            reply_text(reply, "+OK\r\n");
            return false;
        }
        if (!strcmp(name, "post") || !strcmp(name, "host:")) // as Redis: a browser was made to talk to us; say nothing
            return false;
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
            const struct command *command = &commands[i];
            if (strcmp(name, command->name))
                continue;
            int count = (int)parser->count;
            if (command->arity > 0 ? count != command->arity : count < -command->arity) {
                format(text, sizeof(text), "ERR wrong number of arguments for '%s' command", name);
                reply_error(reply, text);
            } else {
                command->run(&request);
            }
            return true;
        }
    }
    unknown(&request);
    return true;
}
