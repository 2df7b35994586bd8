// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client.h - who is connected, as far as commands ask, private to kv. Pure.
#ifndef KV_CLIENT_H
#define KV_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_NAME_MAX 64       // longer names are cut: nobody needs them

struct client {
    struct client *next, *previous;
    uint64_t id;
    int64_t since_ms;            // connected
    size_t name_bytes;
    char name[CLIENT_NAME_MAX];
};

struct clients {
    struct client *first;
    uint64_t last_id, count;
    bool shutdown;               // somebody said SHUTDOWN
    uint64_t commands;           // executed so far, over all clients
    uint64_t started_ns;         // the server, on the clock of time_now_ns()
};

void client_open(struct clients *clients, struct client *client);
void client_close(struct clients *clients, struct client *client);

#endif
