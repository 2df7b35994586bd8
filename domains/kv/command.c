// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// command.c - see command.h: finds the command, copies its arguments, runs it.
//
// Invariant: a request is copied to private memory before anything in it is used; only a large SET takes its value, which
// it reads once, straight into the store.
#include "command.h"
#include "commands.h"
#include "copy.h"
#include "format.h"
#include "string.h"

#define NAME_MAX 16             // longer than every known command name
#define UNKNOWN_PART_MAX 128    // Redis quotes that much of an unknown command and of its arguments
#define PRIVATE_SMALL 1024      // larger requests are copied to the heap
#define INDEX_SIZE 256          // more than twice the table
#define ARGUMENT_OVERHEAD 128   // at most what one more element costs beside its bytes

union name {                   // in lower case, filled up with zeros
    char text[NAME_MAX];
    uint64_t words[NAME_MAX / sizeof(uint64_t)];
};

static struct indexed {        // by hash of the name
    union name name;
    const struct command *command; // NULL: free
} name_index[INDEX_SIZE];
static bool is_indexed;

static uint32_t name_hash(const union name *name) {
    return (uint32_t)((name->words[0] ^ name->words[1] * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd >> 56);
}

static void index_names(void) {
    for (size_t i = 0; i < command_count; i++) {
        union name name = {{0}};
        memcpy(name.text, command_table[i].name, strlen(command_table[i].name));
        uint32_t place = name_hash(&name);
        while (name_index[place].command)
            place = (place + 1) % INDEX_SIZE;
        name_index[place] = (struct indexed){name, &command_table[i]};
    }
    is_indexed = true;
}

__attribute__((always_inline)) // for clients: reading a log is no reason to be slower for them
static inline const struct command *find_command(const union name *name) {
    if (!is_indexed)
        index_names();
    for (uint32_t place = name_hash(name); name_index[place].command; place = (place + 1) % INDEX_SIZE) {
        const struct indexed *indexed = &name_index[place];
        if (indexed->name.words[0] == name->words[0] && indexed->name.words[1] == name->words[1])
            return indexed->command;
    }
    return NULL;
}

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
    for (uint32_t i = 1; i < request->count && used - first < UNKNOWN_PART_MAX; i++) {
        size_t limit = UNKNOWN_PART_MAX - (used - first);
        text[used++] = '\'';
        used = append_argument(request, i, text, used, limit);
        text[used++] = '\'';
        text[used++] = ' ';
    }
    text[used] = 0;
    reply_error(request->reply, text);
}

// Copies the command's name; false when it is longer than every known one, or no text.
__attribute__((always_inline))
static inline bool name_open(const struct request *request, union name *name) {
    struct span span = request_argument(request, 0);
    const volatile char *from = span.bytes;
    *name = (union name){{0}};
    if (span.length >= NAME_MAX)
        return false;
    for (size_t i = 0; i < span.length; i++) {
        char character = from[i];
        if (!character)
            return false;
        name->text[i] = character | (character >= 'A' && character <= 'Z' ? 0x20 : 0);
    }
    return true;
}

// Whether the store has room for all that the request may add. Overwriting adds less: then this asks too much.
static bool has_room(const struct request *request) {
    const struct memory *memory = &request->store->memory;
    size_t need = request->parser->position + (size_t)request->count * ARGUMENT_OVERHEAD;
    return memory->used_bytes <= memory->limit_bytes && need <= memory->limit_bytes - memory->used_bytes;
}

static inline void execute(struct request *request, const struct command *command) {
    if (command->flags & COMMAND_GROWS && request->count > 4 && !has_room(request))
        reply_memory(request->reply);
    else
        command->run(request);
}

// What the request changes goes to the log; with JOURNAL_ALWAYS its reply, which begins at start, waits for that.
__attribute__((noinline)) static void execute_logged(struct request *request, const struct command *command) {
    struct journal *journal = &request->store->journal;
    char why[JOURNAL_REFUSAL_MAX];
    size_t start = reply_position(request->reply);
    if (!journal_accepts(journal, why)) {
        reply_error(request->reply, why);
        return;
    }
    execute(request, command);
    if (request->change == CHANGE_REQUEST)
        request_changed_but(request, request->count, (struct span){0});
    if (request->change)
        journal_mark(journal, start, reply_position(request->reply));
}

static void run(struct request *request, const struct command *command) {
    char small[PRIVATE_SMALL], *copy = NULL;
    const struct resp_parser *parser = request->parser;
    if (!request->is_private) {
        if (parser->position <= sizeof(small)) {
            copy_data(small, request->input, parser->position);
            request->input = small;
        } else if (command->flags & COMMAND_DIRECT && request->count == 3) {
            request->is_shared = true;
        } else if ((copy = heap_alloc(parser->position))) {
            copy_data(copy, request->input, parser->position);
            request->input = copy;
        } else {
            reply_memory(request->reply);
            return;
        }
    }
    if (command->flags & COMMAND_WRITES && request->store->journal.is_on)
        execute_logged(request, command);
    else
        execute(request, command);
    request->store->saved.changes += request->change != CHANGE_NONE;
    heap_free(copy);
}

static bool is_arity(const struct command *command, uint32_t arguments) {
    int count = (int)arguments;
    return command->arity > 0 ? count == command->arity : count >= -command->arity;
}

bool command_execute(const struct session *session, const struct resp_parser *parser, const char *input, struct reply *reply) {
    union name name;
    struct request request = {.store = session->store, .clients = session->clients, .client = session->client,
                              .parser = parser, .input = input, .reply = reply, .count = parser->count, .name = name.text,
                              .is_private = session->is_private || parser->line};
    const struct command *command = name_open(&request, &name) ? find_command(&name) : NULL;
    session->clients->commands++;
    if (!command) { // as Redis: a browser was made to talk to us; say nothing
        if (!strcmp(name.text, "post") || !strcmp(name.text, "host:"))
            return false;
        unknown(&request);
        return true;
    }
    if (!is_arity(command, parser->count))
        request_arity(&request);
    else
        run(&request, command);
    return !request.closes;
}

#define REPLAY_REPLY_BYTES 128 // of a reply only the start counts: is it an error

int command_replay(struct store *store, const struct resp_parser *parser, const char *input) {
    union name name;
    char text[REPLAY_REPLY_BYTES] = "";
    struct buffer none = {0};
    struct reply reply = {.direct = text, .direct_room = sizeof(text), .waiting = &none};
    struct request request = {.store = store, .parser = parser, .input = input, .reply = &reply, .count = parser->count,
                              .name = name.text, .is_private = true};
    const struct command *command = request.count && name_open(&request, &name) ? find_command(&name) : NULL;
    if (!command || !(command->flags & COMMAND_WRITES) || !is_arity(command, request.count))
        return -EINVAL;
    run(&request, command);
    return text[0] != '-' ? 0 : text[1] == 'O' ? -ENOMEM : -EINVAL;
}
