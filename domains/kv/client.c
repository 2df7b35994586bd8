// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client.c - see client.h.
#include "client.h"
#include "store.h"

void client_open(struct clients *clients, struct client *client) {
    *client = (struct client){.id = ++clients->last_id, .next = clients->first, .since_ms = store_now_ms()};
    if (client->next)
        client->next->previous = client;
    clients->first = client;
    clients->count++;
}

void client_close(struct clients *clients, struct client *client) {
    if (client->next)
        client->next->previous = client->previous;
    if (client->previous)
        client->previous->next = client->next;
    else
        clients->first = client->next;
    clients->count--;
}
