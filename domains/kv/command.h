// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// command.h - what the server answers, private to kv. Pure.
//
// PING, SET, GET, DEL, INCR and QUIT as Redis 7.0; everything else is Redis' error for an unknown command. SET's options
// are a syntax error. Source: Redis 7.0, server.c (processCommand) and t_string.c.
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>
#include "reply.h"
#include "resp.h"
#include "store.h"

// Executes the complete request in parser, whose arguments lie in input (which may change meanwhile: each argument is
// read once). Returns false when the connection is to be closed after the reply.
bool command_execute(struct store *store, const struct resp_parser *parser, const char *input, struct reply *reply);

#endif
