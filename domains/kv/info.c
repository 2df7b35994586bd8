// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// info.c - INFO: what there is to know about the server, in sections. Source: Redis 7.0, server.c (genRedisInfoString).
//
// Fields keep Redis' names; what this server cannot know is not there.
#include "clock.h"
#include "commands.h"
#include "format.h"
#include "string.h"

#define SECTION_BYTES 800      // room for the longest

// "1.50M", as Redis writes sizes.
static void human(uint64_t bytes, char out[16]) {
    static const char units[] = "BKMGT";
    unsigned unit = 0;
    uint64_t scale = 1;
    for (; bytes / scale >= 1024 && unit < 4; unit++)
        scale *= 1024;
    if (unit)
        format(out, 16, "%lu.%02lu%c", bytes / scale, bytes % scale * 100 / scale, units[unit]);
    else
        format(out, 16, "%luB", bytes);
}

static size_t server(const struct request *request, char *out) {
    uint64_t seconds = (time_now_ns() - request->clients->started_ns) / 1000000000;
    return format(out, SECTION_BYTES,
                  "redis_version:" REDIS_VERSION "\r\nredis_mode:standalone\r\nos:Cloister\r\narch_bits:64\r\n"
                  "server_time_usec:%lu\r\nuptime_in_seconds:%lu\r\nuptime_in_days:%lu\r\n",
                  time_wall_ns() / 1000, seconds, seconds / 86400);
}

static size_t clients(const struct request *request, char *out) {
    return format(out, SECTION_BYTES, "connected_clients:%lu\r\nblocked_clients:0\r\n", request->clients->count);
}

static size_t memory(const struct request *request, char *out) {
    const struct memory *memory = &request->store->memory;
    char used[16], most[16];
    human(memory->used_bytes, used);
    human(memory->limit_bytes, most);
    return format(out, SECTION_BYTES,
                  "used_memory:%zu\r\nused_memory_human:%s\r\nmaxmemory:%zu\r\nmaxmemory_human:%s\r\n"
                  "maxmemory_policy:noeviction\r\n",
                  memory->used_bytes, used, memory->limit_bytes, most);
}

static size_t persistence(const struct request *request, char *out) {
    const struct saved *saved = &request->store->saved;
    const struct journal *journal = &request->store->journal;
    size_t used = format(out, SECTION_BYTES,
                  "loading:0\r\nrdb_changes_since_last_save:%lu\r\nrdb_bgsave_in_progress:0\r\nrdb_last_save_time:%ld\r\n"
                  "rdb_last_bgsave_status:%s\r\nrdb_current_bgsave_time_sec:-1\r\nrdb_saves:%lu\r\n"
                  "aof_enabled:%d\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\naof_last_rewrite_time_sec:%ld\r\n"
                  "aof_current_rewrite_time_sec:-1\r\naof_last_bgrewrite_status:%s\r\naof_rewrites:%lu\r\n"
                  "aof_last_write_status:%s\r\n",
                  saved->changes, saved->at_ms / 1000, saved->failed ? "err" : "ok", saved->count, journal->is_on,
                  journal->rewrites.took_ms < 0 ? -1 : journal->rewrites.took_ms / 1000,
                  journal->rewrites.failed ? "err" : "ok", journal->rewrites.count, journal->error ? "err" : "ok");
    if (journal->is_on)
        used += format(out + used, SECTION_BYTES - used,
                       "aof_current_size:%lu\r\naof_base_size:%lu\r\naof_pending_rewrite:0\r\naof_buffer_length:%zu\r\n",
                       journal->written + journal->used, journal->base, journal->used);
    return used;
}

static size_t stats(const struct request *request, char *out) {
    return format(out, SECTION_BYTES,
                  "total_connections_received:%lu\r\ntotal_commands_processed:%lu\r\nexpired_keys:%lu\r\n",
                  request->clients->last_id, request->clients->commands, request->store->expired);
}

static size_t replication(const struct request *request, char *out) {
    (void)request;
    return format(out, SECTION_BYTES, "role:master\r\nconnected_slaves:0\r\n");
}

static size_t keyspace(const struct request *request, char *out) {
    const struct store *store = request->store;
    if (!store_count(store))
        return 0;
    return format(out, SECTION_BYTES, "db0:keys=%zu,expires=%zu,avg_ttl=0\r\n", store_count(store), store->expiring);
}

static size_t faults(const struct request *request, char *out) {
    (void)request;
    return faults_print(out, FAULTS_BYTES);
}

static const struct section {
    const char *name, *title;
    size_t (*print)(const struct request *request, char *out);
    bool is_extra;             // only by its name, or with all
} sections[] = {{"server", "Server", server, false}, {"clients", "Clients", clients, false}, {"memory", "Memory", memory, false},
                {"persistence", "Persistence", persistence, false}, {"stats", "Stats", stats, false},
                {"replication", "Replication", replication, false}, {"keyspace", "Keyspace", keyspace, false}, {"faults", "Faults", faults, true}};
#define SECTIONS (sizeof(sections) / sizeof(*sections))

static bool is_wanted(const struct request *request, const struct section *section) {
    for (uint32_t i = 1; i < request->count; i++)
        if (request_is(request, i, section->name) || request_is(request, i, "all") || request_is(request, i, "everything") ||
            (request_is(request, i, "default") && !section->is_extra))
            return true;
    return request->count == 1 && !section->is_extra;
}

void command_info(struct request *request) {
    char text[SECTIONS * (SECTION_BYTES + 32) + FAULTS_BYTES];
    size_t used = 0;
    for (const struct section *section = sections; section < sections + SECTIONS; section++)
        if (is_wanted(request, section)) {
            used += format(text + used, sizeof(text) - used, "%s# %s\r\n", used ? "\r\n" : "", section->title);
            used += section->print(request, text + used);
        }
    reply_bulk(request->reply, text, used);
}
