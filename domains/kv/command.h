// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// command.h - what the server answers, private to kv. Pure.
//
// The commands of commands.c, as Redis 7.0 answers them; everything else is Redis' error for an unknown command.
// Source: Redis 7.0, server.c (processCommand).
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>
#include "client.h"
#include "reply.h"
#include "resp.h"
#include "store.h"

struct session {
    struct store *store;
    struct clients *clients;
    struct client *client;        // who asks
    bool is_private;              // nobody else can write the input
};

// Executes the complete request in parser, whose arguments lie in input (which may change meanwhile: each argument is
// read once). Returns false when the connection is to be closed after the reply.
bool command_execute(const struct session *session, const struct resp_parser *parser, const char *input, struct reply *reply);

// Executes a command of the log, in private memory. Returns 0; -EINVAL: it is unknown, does not write, or is refused;
// -ENOMEM.
int command_replay(struct store *store, const struct resp_parser *parser, const char *input);

#endif
