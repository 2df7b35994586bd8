// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// admin.c - the commands about the server and its clients. Source: Redis 7.0, server.c, networking.c.
#include "clock.h"
#include "commands.h"
#include "format.h"
#include "string.h"

void command_ping(struct request *request) {
    if (request->count > 2)
        request_arity(request);
    else if (request->count == 2)
        reply_span(request->reply, request_argument(request, 1));
    else
        reply_bytes(request->reply, "+PONG\r\n", 7);
}

void command_echo(struct request *request) { reply_span(request->reply, request_argument(request, 1)); }

void command_time(struct request *request) {
    char text[24];
    uint64_t now_us = time_wall_ns() / 1000;
    reply_array(request->reply, 2);
    reply_bulk(request->reply, text, format(text, sizeof(text), "%lu", now_us / 1000000));
    reply_bulk(request->reply, text, format(text, sizeof(text), "%lu", now_us % 1000000));
}

void command_select(struct request *request) {
    int64_t index;
    if (!request_integer(request, 1, &index))
        return;
    if (index)
        reply_error(request->reply, "ERR DB index is out of range");
    else
        reply_ok(request->reply);
}

void command_quit(struct request *request) {
    reply_ok(request->reply);
    request->closes = true;
}

void command_command(struct request *request) {
    if (request->count > 1 && request_is(request, 1, "count"))
        reply_integer(request->reply, (int64_t)command_count);
    else
        reply_array(request->reply, 0); // no documentation: redis-cli does without
}

static size_t describe(const struct client *client, char *out, size_t room) {
    return format(out, room, "id=%lu name=%.*s age=%ld db=0 resp=2\n", client->id, (int)client->name_bytes, client->name,
                  (store_now_ms() - client->since_ms) / 1000);
}

static void client_list(const struct request *request) {
    char line[160];
    size_t total = 0;
    for (unsigned pass = 0; pass < 2; pass++) { // the clock may pass a second in between: the lines are cut to what was counted
        char head[24];
        if (pass)
            reply_bytes(request->reply, head, format(head, sizeof(head), "$%zu\r\n", total));
        for (const struct client *client = request->clients->first; client; client = client->next) {
            struct client still = *client;
            still.since_ms = store_now_ms() - (store_now_ms() - client->since_ms) / 1000 * 1000;
            size_t bytes = describe(&still, line, sizeof(line));
            if (pass)
                reply_bytes(request->reply, line, bytes);
            else
                total += bytes;
        }
    }
    reply_bytes(request->reply, "\r\n", 2);
}

static void client_setname(const struct request *request) {
    struct span name = request_argument(request, 2);
    for (size_t i = 0; i < name.length; i++)
        if (name.bytes[i] < '!' || name.bytes[i] > '~') {
            reply_error(request->reply, "ERR Client names cannot contain spaces, newlines or special characters.");
            return;
        }
    struct client *client = request->client;
    client->name_bytes = name.length < CLIENT_NAME_MAX ? name.length : CLIENT_NAME_MAX;
    memcpy(client->name, name.bytes, client->name_bytes);
    reply_ok(request->reply);
}

void command_client(struct request *request) {
    static const struct {
        const char *word;
        uint32_t count; // arguments; 0: any number
    } words[] = {{"setname", 3}, {"getname", 2}, {"id", 2}, {"setinfo", 4}, {"list", 0}};
    unsigned word = 0;
    while (word < 5 && !request_is(request, 1, words[word].word))
        word++;
    if (word == 5) {
        request_unknown_subcommand(request);
    } else if (words[word].count && request->count != words[word].count) {
        char text[80];
        format(text, sizeof(text), "ERR wrong number of arguments for 'client|%s' command", words[word].word);
        reply_error(request->reply, text);
    } else if (word == 0) {
        client_setname(request);
    } else if (word == 1 && request->client->name_bytes) {
        reply_bulk(request->reply, request->client->name, request->client->name_bytes);
    } else if (word == 1) {
        reply_null(request->reply);
    } else if (word == 2) {
        reply_integer(request->reply, (int64_t)request->client->id);
    } else if (word == 3) {
        reply_ok(request->reply);
    } else {
        client_list(request);
    }
}

void command_hello(struct request *request) {
    int64_t version = 2;
    if (request->count > 1) {
        struct span text = request_argument(request, 1);
        if (!resp_integer(text.bytes, text.length, &version)) {
            reply_error(request->reply, "ERR Protocol version is not an integer or out of range");
            return;
        }
    }
    if (version != 2) {
        reply_error(request->reply, "NOPROTO unsupported protocol version");
        return;
    }
    if (request->count > 2) {
        reply_error(request->reply, "ERR Syntax error in HELLO");
        return;
    }
    static const char *const words[] = {"server", "redis", "version", REDIS_VERSION};
    reply_array(request->reply, 14);
    for (unsigned i = 0; i < 4; i++)
        reply_word(request->reply, words[i]);
    reply_word(request->reply, "proto");
    reply_integer(request->reply, 2);
    reply_word(request->reply, "id");
    reply_integer(request->reply, (int64_t)request->client->id);
    reply_word(request->reply, "mode");
    reply_word(request->reply, "standalone");
    reply_word(request->reply, "role");
    reply_word(request->reply, "master");
    reply_word(request->reply, "modules");
    reply_array(request->reply, 0);
}
