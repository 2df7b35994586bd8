// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// commands.h - the table of commands and what stands in it, private to kv.
//
// A handler may rely on the arity and on private arguments (request.h). It sends exactly one reply; a request that fails
// half-way (-OOM) leaves what it had done, and nothing empty.
#ifndef KV_COMMANDS_H
#define KV_COMMANDS_H

#include "request.h"

#define REDIS_VERSION "7.0.15" // whose answers these are

#define COMMAND_DIRECT 1  // with three arguments, it takes a large request from the shared heap as it is
#define COMMAND_GROWS 2   // refused at once when what it would add cannot fit, so that it does not stop half-way
#define COMMAND_WRITES 4  // may change the store: counted as a change that is not saved yet

struct command {
    const char *name;
    int arity;            // arguments with the name; negative: at least that many
    unsigned flags;
    void (*run)(struct request *request);
};

extern const struct command command_table[];
extern const size_t command_count;

void command_get(struct request *request);
void command_set(struct request *request);
void command_incr(struct request *request);
void command_ping(struct request *request);
void command_mset(struct request *request);
void command_mget(struct request *request);
void command_getset(struct request *request);
void command_getdel(struct request *request);
void command_setnx(struct request *request);
void command_setex(struct request *request);
void command_append(struct request *request);
void command_strlen(struct request *request);
void command_decr(struct request *request);
void command_incrby(struct request *request);
void command_getrange(struct request *request);
void command_push(struct request *request);
void command_pop(struct request *request);
void command_llen(struct request *request);
void command_lrange(struct request *request);
void command_lindex(struct request *request);
void command_sadd(struct request *request);
void command_srem(struct request *request);
void command_sismember(struct request *request);
void command_smembers(struct request *request);
void command_scard(struct request *request);
void command_spop(struct request *request);
void command_srandmember(struct request *request);
void command_hset(struct request *request);
void command_hsetnx(struct request *request);
void command_hget(struct request *request);
void command_hmget(struct request *request);
void command_hdel(struct request *request);
void command_hgetall(struct request *request);
void command_hlen(struct request *request);
void command_hexists(struct request *request);
void command_hstrlen(struct request *request);
void command_hincrby(struct request *request);
void command_zadd(struct request *request);
void command_zscore(struct request *request);
void command_zcard(struct request *request);
void command_zrank(struct request *request);
void command_zrem(struct request *request);
void command_zrange(struct request *request);
void command_zpop(struct request *request);
void command_xadd(struct request *request);
void command_xlen(struct request *request);
void command_xrange(struct request *request);
void command_del(struct request *request);
void command_exists(struct request *request);
void command_type(struct request *request);
void command_expire(struct request *request);
void command_ttl(struct request *request);
void command_persist(struct request *request);
void command_keys(struct request *request);
void command_scan(struct request *request);
void command_dbsize(struct request *request);
void command_randomkey(struct request *request);
void command_flush(struct request *request);
void command_select(struct request *request);
void command_echo(struct request *request);
void command_time(struct request *request);
void command_info(struct request *request);
void command_config(struct request *request);
void command_command(struct request *request);
void command_client(struct request *request);
void command_hello(struct request *request);
void command_quit(struct request *request);
void command_shutdown(struct request *request);
void command_save(struct request *request);
void command_bgsave(struct request *request);
void command_bgrewriteaof(struct request *request);
void command_lastsave(struct request *request);
void command_debug(struct request *request);
// debug_none.c, inject/debug_inject.c: subcommands that an option adds. False: it is none of them.
bool debug_further(struct request *request);

// The section "Faults" of INFO: a line per record, the latest FAULTS_PRINTED. Returns its bytes.
#define FAULTS_PRINTED 16
#define FAULTS_BYTES (FAULTS_PRINTED * 500)
size_t faults_print(char *out, size_t room);

bool expiry_of(const struct request *request, uint32_t index, bool seconds, bool absolute, bool positive, int64_t *end_ms);

#endif
