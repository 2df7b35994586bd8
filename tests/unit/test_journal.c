// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_journal.c - the append-only log: what each command leaves in it, that reading it makes the same store, and that
// fs may die in, before or behind any call without a record being lost, or there twice.
#include "fs_walk.h"
#include "persistence.h"
#include "talk.h"
#include "stream.h"
#include "walk.h"

#define FILE_MAX (1 << 20)
#define STORE_BYTES (4 << 20)

static struct talk talk;
static struct store *const store = &talk.store;
static struct journal *const journal = &talk.store.journal;

// ---- fs that dies

enum moment { BEFORE, AFTER, HALF }; // of the call

static struct {
    int countdown;              // the call that it dies in; 0: none
    enum moment moment;
    uint64_t down_ns;           // how long until it is back
    bool forgets;               // and it comes back empty
    int error;                  // instead of dying: the call fails so
    const char *only;           // the function that counts; NULL: all
} death;
static uint64_t back_ns;        // until then it is down

static uint64_t now_ns(void) { return fake_public.clock.base_ns; }

static bool is_down(void) { return now_ns() < back_ns; }

static bool dies(const char *function) {
    return (!death.only || !strcmp(death.only, function)) && death.countdown && --death.countdown == 0;
}

static int64_t ends_here(void) {
    if (death.error)
        return death.error;
    back_ns = now_ns() + death.down_ns;
    if (death.forgets) {
        memset(&fs_state, 0xa5, sizeof(fs_state));
        assert_int_equal(fs_init(++generation, 0), 0);
    } else {
        restart();
        assert_true(was_kept());
    }
    return -EDOMAINDEAD;
}

#define CALL(type, name, parameters, arguments, half)                                                                   \
    type __real_##name parameters;                                                                                      \
    type __wrap_##name parameters;                                                                                      \
    type __wrap_##name parameters {                                                                                     \
        if (is_down())                                                                                                  \
            return -EDOMAINDEAD;                                                                                        \
        if (!dies(#name))                                                                                               \
            return __real_##name arguments;                                                                             \
        if (death.moment == AFTER)                                                                                      \
            (void)!__real_##name arguments;                                                                             \
        if (death.moment == HALF)                                                                                       \
            (void)(half);                                                                                               \
        return (type)ends_here();                                                                                       \
    }

CALL(int, fs_open, (const char *path, size_t path_bytes, uint32_t flags), (path, path_bytes, flags), 0)
CALL(int, fs_close, (fs_file_t file), (file), 0)
CALL(int64_t, fs_pread, (fs_file_t file, void *buffer, size_t bytes, int64_t offset), (file, buffer, bytes, offset), 0)
CALL(int64_t, fs_pwrite, (fs_file_t file, const void *buffer, size_t bytes, int64_t offset), (file, buffer, bytes, offset),
     __real_fs_pwrite(file, buffer, bytes / 2, offset))
CALL(int64_t, fs_write, (fs_file_t file, const void *buffer, size_t bytes), (file, buffer, bytes),
     __real_fs_write(file, buffer, bytes / 2))
CALL(int, fs_fstat, (fs_file_t file, struct fs_stat *out), (file, out), 0)
CALL(int, fs_truncate, (fs_file_t file, int64_t bytes), (file, bytes), 0)
CALL(int, fs_rename, (const char *from, size_t from_bytes, const char *to, size_t to_bytes), (from, from_bytes, to, to_bytes), 0)
CALL(int, fs_unlink, (const char *path, size_t path_bytes), (path, path_bytes), 0)
CALL(int, fs_statistics, (struct fs_statistics *out), (out), 0)

int __wrap_thread_sleep_until(uint64_t deadline_ns);
int __wrap_thread_sleep_until(uint64_t deadline_ns) {
    fake_public.clock.base_ns = deadline_ns;
    return 0;
}

// ---- a server

static void pass_ms(uint64_t ms) { fake_public.clock.base_ns += ms * 1000000; }

static int begin_journal(void **state) {
    fake_heap_limit = fake_heap_countdown = fake_object_limit = SIZE_MAX;
    memset(&death, 0, sizeof(death));
    back_ns = 0;
    begin(state);
    talk_open(&talk, STORE_BYTES, 65536);
    fake_public.clock.multiplier = 0;
    fake_public.clock.base_ns = 1000000000;
    fake_public.clock.wall_offset_ns = 1000000000000000000;
    strcpy(fake_public.boot_arguments, "appendonly=yes appendfsync=always");
    journal_set_policy(journal, JOURNAL_ALWAYS); // what tests before said, a restart would remember
    journal->is_on = true;
    journal_set_policy(journal, JOURNAL_ALWAYS);
    journal->is_on = false;
    persistence_start(store);
    assert_true(journal->is_on && journal->policy == JOURNAL_ALWAYS && !journal->error);
    return 0;
}

static int end_journal(void **state) {
    memset(&death, 0, sizeof(death));
    back_ns = 0;
    assert_int_equal(journal_set(store, false), 0);
    assert_int_equal(fs_state.open_handles, 0);
    assert_int_equal(fake_objects, 0);
    store_clear(store);
    assert_int_equal(store->memory.used_bytes, 0);
    assert_int_equal(store->expiring, 0);
    talk_close(&talk);
    return end(state);
}

// What the server answers, when its round is over; valid until the next call.
static const char *say_bytes(const char *input, size_t bytes) {
    talk.output_bytes = 0;
    talk_feed(&talk, input, bytes);
    if (journal_due(journal) == 0)
        assert_int_equal(journal_flush(store), 0);
    talk_keep(&talk, "", 1);
    return talk.output;
}

static const char *say(const char *input) { return say_bytes(input, strlen(input)); }

static size_t file_read(void *out) {
    struct fs_stat stat;
    assert_int_equal(stat_path(JOURNAL_FILE, &stat), 0);
    assert_true(stat.bytes <= FILE_MAX);
    fs_file_t file = __real_fs_open(JOURNAL_FILE, strlen(JOURNAL_FILE), FS_READ);
    for (size_t done = 0; done < stat.bytes; done += FS_IO_MAX)
        assert_true(__real_fs_pread(file, (char *)out + done, FS_IO_MAX, (int64_t)done) > 0);
    assert_int_equal(__real_fs_close(file), 0);
    return stat.bytes;
}

static void file_write(const void *bytes, size_t count) {
    fs_file_t file = __real_fs_open(JOURNAL_FILE, strlen(JOURNAL_FILE), FS_WRITE | FS_CREATE | FS_TRUNCATE);
    for (size_t done = 0, part; done < count; done += part) {
        part = count - done < FS_IO_MAX ? count - done : FS_IO_MAX;
        assert_int_equal(__real_fs_pwrite(file, (const char *)bytes + done, part, (int64_t)done), part);
    }
    assert_int_equal(__real_fs_close(file), 0);
}

// The log as one line per command, words apart by blanks, what is not printable as a dot.
static const char *file_lines(void) {
    static char bytes[FILE_MAX], lines[FILE_MAX];
    size_t count = file_read(bytes), used = 0;
    for (char *at = bytes; at < bytes + count;) {
        long words = strtol(at + 1, &at, 10);
        for (at += 2; words--; at += 2) {
            long length = strtol(at + 1, &at, 10);
            for (at += 2; length--; at++)
                lines[used++] = *at >= ' ' && *at <= '~' ? *at : '.';
            lines[used++] = words ? ' ' : '\n';
        }
    }
    lines[used] = 0;
    return lines;
}

// ---- what a store holds, whatever the order of its hash tables

static uint64_t digest_of(struct store *of) {
    uint64_t sum = 0;
    size_t place = 0;
    for (struct dict_entry *key = NULL; (key = dict_next(&of->keys, &place, key));) {
        if (store_is_over(key, store_now_ms()))
            continue;
        bool ordered = key->type == TYPE_LIST || key->type == TYPE_ZSET || key->type == TYPE_STREAM;
        uint64_t hash = mix(key->type, key->bytes, key->key_bytes), elements = 0;
        hash = mix(hash, &key->expires_ms, sizeof(key->expires_ms));
        if (key->type == TYPE_STREAM) {
            struct stream *stream = store_object(key);
            hash = mix(mix(hash, &stream->last_ms, 8), &stream->last_sequence, 8);
        }
        struct walk_element { struct walk walk; struct element element; } at;
        walk_open(&at.walk, key);
        while (walk_next(&at.walk, &at.element)) {
            uint64_t one = mix(mix(ordered ? elements : 1, at.element.name, at.element.name_bytes), at.element.value, at.element.value_bytes);
            one = mix(one, &at.element.score, sizeof(at.element.score));
            elements = ordered ? one : elements + one;
        }
        sum += mix(hash, &elements, sizeof(elements));
    }
    return sum;
}

// A start from what fs has: it must have what the server has.
static void assert_reloads(void) {
    struct store other;
    store_open(&other, 3, 4, STORE_BYTES);
    int result = journal_load(&other);
    if (result < 0)
        fail_msg("%s\n%s", fake_line, file_lines());
    if (digest_of(&other) != digest_of(store) || other.journal.written != journal->written)
        fail_msg("%zu keys, %lu bytes; loaded: %zu keys, %lu bytes\n%s", store_count(store), journal->written, store_count(&other),
                 other.journal.written, file_lines());
    store_clear(&other);
}

// ---- tests

// Every command: what is said, and what the log has of it, a line per command.
static void effects(void **state) {
    (void)state;
    static const struct { const char *said, *logged; } cases[] = {
        {"SET a 1", "SET a 1\n"}, {"SET a 1 NX", ""}, {"SET a 2 XX GET", "SET a 2\n"}, {"SET a 3 EX 10", "SET a 3 PXAT 1000000011000\n"},
        {"SET a 3 PX 10", "SET a 3 PXAT 1000000001010\n"}, {"SET a 3 EXAT 1000000011", "SET a 3 PXAT 1000000011000\n"},
        {"SET a 4 KEEPTTL", "SET a 4 KEEPTTL\n"}, {"SET a 4 EX 0", ""}, {"SETEX a 10 5", "SET a 5 PXAT 1000000011000\n"},
        {"PSETEX a 10 5", "SET a 5 PXAT 1000000001010\n"}, {"GETSET a 6", "SET a 6\n"}, {"SETNX a 1", ""}, {"SETNX b 1", "SETNX b 1\n"},
        {"GETDEL b", "DEL b\n"}, {"GETDEL b", ""}, {"MSET a 1 b 2", "MSET a 1 b 2\n"}, {"MSET a 1 b", ""}, {"APPEND a 2", "APPEND a 2\n"},
        {"INCR a", "INCR a\n"}, {"DECR a", "DECR a\n"}, {"INCRBY a 5", "INCRBY a 5\n"}, {"DECRBY a 5", "DECRBY a 5\n"}, {"INCRBY a x", ""},
        {"EXPIRE a 10", "PEXPIREAT a 1000000011000\n"}, {"EXPIRE a 10 NX", ""}, {"PEXPIRE a 10", "PEXPIREAT a 1000000001010\n"},
        {"EXPIREAT a 1000000011", "PEXPIREAT a 1000000011000\n"}, {"PEXPIREAT a 1000000001010", "PEXPIREAT a 1000000001010\n"},
        {"PERSIST a", "PERSIST a\n"}, {"PERSIST a", ""}, {"EXPIRE a -1", "DEL a\n"}, {"EXPIRE a 10", ""}, {"DEL b c", "DEL b c\n"}, {"DEL b", ""},
        {"LPUSH l 1 2", "LPUSH l 1 2\n"}, {"RPUSH l 3", "RPUSH l 3\n"}, {"LPUSHX m 1", ""}, {"LPUSHX l 0", "LPUSHX l 0\n"}, {"LPOP l", "LPOP l\n"},
        {"LPOP l 0", ""}, {"RPOP l 9", "RPOP l 9\n"}, {"RPOP l", ""}, {"LLEN l", ""}, {"SADD t m", "SADD t m\n"}, {"SADD t m", ""}, {"SADD t n", "SADD t n\n"},
        {"SREM t n x", "SREM t n x\n"}, {"SREM t x", ""}, {"SPOP t", "SREM t m\n"}, {"SPOP t", ""}, {"SADD t m", "SADD t m\n"}, {"SPOP t 5", "SREM t m\n"},
        {"HSET h f v g w", "HSET h f v g w\n"}, {"HMSET h f v", "HMSET h f v\n"}, {"HSETNX h f x", ""}, {"HSETNX h i 1", "HSETNX h i 1\n"},
        {"HINCRBY h i 2", "HINCRBY h i 2\n"}, {"HINCRBY h f 2", ""}, {"HDEL h f x", "HDEL h f x\n"}, {"HDEL h f", ""}, {"HGETALL h", ""},
        {"ZADD z 1 a 2 b", "ZADD z 1 a 2 b\n"}, {"ZADD z 1 a", ""}, {"ZADD z GT 0 a", ""}, {"ZADD z CH 3 a", "ZADD z CH 3 a\n"},
        {"ZADD z INCR 0.1 a", "ZADD z INCR 0.1 a\n"}, {"ZINCRBY z 0.2 a", "ZINCRBY z 0.2 a\n"}, {"ZADD z XX 1 q", ""}, {"ZREM z b q", "ZREM z b q\n"},
        {"ZREM z q", ""}, {"ZPOPMIN z", "ZPOPMIN z\n"}, {"ZPOPMAX z", ""}, {"XADD x * f v", "XADD x 1000000001000-0 f v\n"},
        {"XADD x * f v", "XADD x 1000000001000-1 f v\n"}, {"XADD x 1000000001000-* f v", "XADD x 1000000001000-2 f v\n"}, {"XADD x 1-1 f v", ""},
        {"XADD x MAXLEN 1 1000000001001-5 f v", "XADD x MAXLEN 1 1000000001001-5 f v\n"}, {"XADD y NOMKSTREAM * f v", ""},
        {"SET \"a\\x00 \\r\\n\" \"\"", "SET a. .. \n"}, {"GET a", ""}, {"PING", ""}, {"NOSUCH a", ""}, {"SET a", ""}, {"LPUSH h 1", ""}, {"FLUSHALL", "FLUSHALL\n"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char line[200];
        size_t before = strlen(file_lines());
        sprintf(line, "%s\r\n", cases[i].said);
        say(line);
        if (strcmp(file_lines() + before, cases[i].logged))
            fail_msg("%s: expected %s got %s", cases[i].said, cases[i].logged, file_lines() + before);
        assert_int_equal(journal->mark_count, 0);
        assert_reloads();
    }
    pass_ms(1);
    say("SET a 1 PX 100\r\nINCR a\r\nSET b 1 PX 100\r\n");
    pass_ms(100);
    size_t before = strlen(file_lines());
    say("INCR a\r\n"); // by now another one
    assert_string_equal(file_lines() + before, "DEL a\nINCR a\n");
    store_sweep(store, 1000);
    assert_int_equal(journal_due(journal), 0);
    say("PING\r\n");
    assert_string_equal(file_lines() + before, "DEL a\nINCR a\nDEL b\n");
    assert_reloads();
}

static void format_of_the_file(void **state) {
    (void)state;
    static const char wanted[] = "*3\r\n$3\r\nsEt\r\n$4\r\n\r\n*1\r\n$0\r\n\r\n*2\r\n$3\r\nDEL\r\n$4\r\n\r\n*1\r\n";
    char bytes[200];
    say("sEt \"\\r\\n*1\" \"\"\r\nPEXPIRE \"\\r\\n*1\" 0\r\n");
    assert_int_equal(file_read(bytes), sizeof(wanted) - 1);
    assert_memory_equal(bytes, wanted, sizeof(wanted) - 1);
}

// A key that ended while the log goes on about it, read when all that is long past, and by a clock that stands before it.
static void time_does_not_matter(void **state) {
    (void)state;
    say("SET a 5 PX 100\r\nSET p 1 PX 100\r\nPERSIST p\r\nSET q 1 PX 100\r\nPEXPIRE q 900000\r\n");
    pass_ms(200);
    say("INCR a\r\nAPPEND p 2\r\n");
    assert_reloads();
    fake_public.clock.wall_offset_ns += 600000000000;
    assert_reloads();
    fake_public.clock.wall_offset_ns -= 1200000000000;
    assert_reloads();
    assert_string_equal(say("DEBUG LOADAOF\r\nGET a\r\nGET p\r\nGET q\r\n"), "+OK\r\n$1\r\n1\r\n$2\r\n12\r\n$1\r\n1\r\n");
}

static const char fill[] =
    "SET s 1 EX 100\r\nMSET a \"\" b \"\\x00\\r\\n\\xff\" \"\" empty\r\nRPUSH l 1 \"\" 3\r\nSADD t a \"\" c\r\nHSET h a 1 \"\" 2 c \"\"\r\n"
    "ZADD z 1 a -inf b 2.5 c 0.1 d\r\nXADD x 1-1 f v\r\nXADD x 2-7 f v g \"\"\r\nXADD y MAXLEN 0 5-5 f v\r\nPEXPIRE l 5000000\r\n";

static void rewriting(void **state) {
    (void)state;
    char line[100];
    say(fill);
    for (unsigned i = 0; i < 1000; i++) {
        sprintf(line, "RPUSH long %u\r\nSADD set %u\r\nHSET hash %u v\r\nZADD zset %u.5 m%u\r\nXADD stream %u-1 f v\r\n", i, i, i, i, i, i + 1);
        say(line);
    }
    uint64_t before = journal->written;
    assert_string_equal(say("BGREWRITEAOF\r\n"), "+Background append only file rewriting started\r\n");
    assert_true(journal->written < before && journal->base == journal->written);
    assert_non_null(strstr(fake_line, "kv: /appendonly.aof rewritten: 15 keys, "));
    assert_reloads();
    say("SET after 1\r\n");
    assert_reloads();
    assert_non_null(strstr(say("INFO persistence\r\n"), "aof_rewrites:2\r\n"));
    struct fs_stat stat;
    assert_int_equal(stat_path(JOURNAL_TEMPORARY, &stat), -ENOENT);
    say("FLUSHALL\r\n");
    say("BGREWRITEAOF\r\n");
    assert_int_equal(journal->written, 0);
}

// It grows to the least size, then to twice what it was.
static void rewrites_itself(void **state) {
    (void)state;
    unsigned count = 0;
    uint64_t most = 0;
    for (unsigned i = 0; i < 100000 && journal->rewrites.count < 4; i++) {
        say("SET a 12345678901234567890123456789012345678901234567890\r\n");
        most = journal->written > most ? journal->written : most;
        count++;
    }
    assert_int_equal(journal->rewrites.count, 4);
    assert_in_range(most, journal->rewrite_min - 200, journal->rewrite_min);
    assert_in_range(journal->rewrite_min, CONFIG_FS_FILES_KIB * 1024 / 4 - 1000, CONFIG_FS_FILES_KIB * 1024 / 4);
    assert_reloads();
}

static void policies(void **state) {
    (void)state;
    say("CONFIG SET appendfsync everysec\r\n");
    assert_int_equal(journal_due(journal), UINT64_MAX);
    assert_int_equal(journal_flush(store), 0);
    say("SET a 1\r\n");
    assert_int_equal(journal->mark_count, 0);
    assert_int_equal(journal_due(journal), now_ns() + 1000000000);
    for (unsigned i = 0; i < 3000; i++)
        say("SET a 12345678901234567890\r\n");
    assert_in_range(journal->written, 65536, 3000 * 60); // not too many wait
    assert_true(journal->used < 65536);
    say("CONFIG SET appendfsync no\r\n");
    assert_int_equal(journal_flush(store), 0);
    say("SET a 1\r\n");
    assert_int_equal(journal_due(journal), now_ns() + 30000000000);
    say("CONFIG SET appendfsync always\r\n");
    assert_int_equal(journal->used, 0);
    assert_reloads();
}

// Whatever clients say, and memory or time do to them: the log makes the same store.
static void random_commands(void **state) {
    (void)state;
    static const char *const words[] = {"a", "b", "c", "d", "1", "-1", "2", "0.5", "x", "yy", "EX", "PX", "100", "3000", "NX", "XX", "GT", "GET", "*", "5-*",
                                        "f", "MAXLEN", "\"\"", "KEEPTTL", "INCR", "CH"};
    static const char *const verbs[] = {
        "SET", "SET", "SETEX", "PSETEX", "GETSET", "GETDEL", "SETNX", "MSET", "APPEND", "INCR", "DECRBY", "EXPIRE", "PEXPIRE", "PERSIST", "DEL", "LPUSH",
        "RPUSH", "LPOP", "RPOP", "LPUSHX", "SADD", "SADD", "SREM", "SPOP", "HSET", "HSETNX", "HDEL", "HINCRBY", "ZADD", "ZADD", "ZINCRBY", "ZREM", "ZPOPMIN",
        "XADD", "XADD", "GET", "LRANGE", "TTL"};
    unsigned refused = 0;
    for (int round = 0; round < 400; round++) {
        talk.store.memory.limit_bytes = round % 4 == 3 ? 2000 + random_below(4000) : STORE_BYTES;
        for (int line = 0; line < 60; line++) {
            char input[400];
            size_t used = (size_t)sprintf(input, "%s %s", verbs[random_below(sizeof(verbs) / sizeof(*verbs))], words[random_below(4)]);
            for (uint32_t count = random_below(7); count; count--)
                used += (size_t)sprintf(input + used, " %s", words[random_below(sizeof(words) / sizeof(*words))]);
            strcpy(input + used, "\r\n");
            if (random_below(8) == 0)
                fake_heap_countdown = random_below(12);
            refused += strstr(say(input), "OOM") != NULL;
            fake_heap_countdown = SIZE_MAX;
            if (talk.connection->closing) { // its answer had no memory
                connection_drop(&talk.table, talk.connection);
                talk.connection = connection_open(&talk.table, 0x10007);
            }
            if (random_below(10) == 0)
                pass_ms(random_below(2000));
            if (random_below(30) == 0)
                store_sweep(store, 100);
        }
        say("PING\r\n");
        talk.store.memory.limit_bytes = STORE_BYTES;
        assert_reloads();
        if (round % 8 == 0)
            assert_string_equal(say("DEBUG LOADAOF\r\n"), "+OK\r\n");
        if (round % 16 == 0)
            say("FLUSHALL\r\n");
        if (round % 32 == 0)
            say("BGREWRITEAOF\r\n");
    }
    assert_true(refused > 100);
}

// Cut anywhere: what was whole is there, what was not is gone, and the log goes on behind it.
static void torn_tails(void **state) {
    (void)state;
    static char bytes[FILE_MAX];
    say(fill);
    size_t count = file_read(bytes);
    for (size_t cut = 0; cut <= count; cut++) {
        struct store other;
        store_open(&other, 3, 4, STORE_BYTES);
        file_write(bytes, cut);
        assert_int_equal(journal_load(&other), 0);
        assert_true(other.journal.written <= cut && (cut < count || other.journal.written == count));
        other.journal.is_on = true;
        journal_delete(&other.journal, "none", 4);
        assert_int_equal(journal_flush(&other), 0);
        uint64_t wanted = digest_of(&other);
        file_close(other.journal.file);
        heap_free(other.journal.bytes);
        store_clear(&other);
        store_open(&other, 3, 4, STORE_BYTES);
        assert_int_equal(journal_load(&other), 0);
        assert_true(digest_of(&other) == wanted);
        store_clear(&other);
    }
    file_write(bytes, count);
}

static void damage(void **state) {
    (void)state;
    static char bytes[FILE_MAX];
    unsigned refused = 0;
    say(fill);
    size_t count = file_read(bytes);
    for (size_t bit = 0; bit < 8 * count; bit++) {
        struct store other;
        store_open(&other, 3, 4, STORE_BYTES);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        file_write(bytes, count);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        int result = journal_load(&other);
        assert_true(result == 0 || result == -EINVAL || result == -ENOMEM);
        if (result < 0) {
            refused++;
            assert_true(other.journal.incomplete);
            assert_non_null(strstr(fake_line, "kv: /appendonly.aof refused from byte "));
            assert_int_equal(unlink_path(JOURNAL_FILE ".refused-1"), 0);
        }
        store_clear(&other);
    }
    assert_true(refused > 1000);
    static const char *const others[] = {"GET a\r\n", "*1\r\n$4\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "*1\r\n$8\r\nSHUTDOWN\r\n", "*2\r\n$3\r\nSET\r\n$1\r\na\r\n",
                                         "*0\r\n", "*1\r\n$-1\r\n", "*2\r\n$4\r\nINCR\r\n$1\r\ns\r\n*3\r\n$5\r\nLPUSH\r\n$1\r\ns\r\n$1\r\n1\r\n"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct store other;
        store_open(&other, 3, 4, STORE_BYTES);
        file_write(others[i], strlen(others[i]));
        assert_int_equal(journal_load(&other), -EINVAL);
        assert_int_equal(unlink_path(JOURNAL_FILE ".refused-1"), 0);
        store_clear(&other);
    }
    file_write(bytes, count);
}

// Not idempotent on purpose: a record that is there twice, or not at all, is a wrong number.
static const char counting[] = "INCR n\r\nRPUSH l x\r\nAPPEND a y\r\nHINCRBY h f 1\r\nZINCRBY z 1 m\r\nXADD x * f v\r\nSADD t 1 2 3\r\nSPOP t\r\n";

static void converse(void) {
    static char large[200100];
    size_t bytes = (size_t)sprintf(large, "*3\r\n$6\r\nAPPEND\r\n$1\r\nb\r\n$150000\r\n%0150000d\r\n", 7);
    for (unsigned i = 0; i < 3; i++) {
        assert_null(strstr(say(counting), "MISCONF"));
        assert_null(strstr(say_bytes(large, bytes), "MISCONF")); // more than one write
        pass_ms(1);
    }
    say("BGREWRITEAOF\r\n");
    say(counting);
    assert_string_equal(say("STRLEN b\r\nGET n\r\n"), ":450000\r\n$1\r\n4\r\n");
}

// fs dies once, in every call in turn, before, behind or in the middle of it; it is back at once, or later.
static void fs_dies_anywhere(void **state) {
    (void)state;
    unsigned deaths = 0;
    for (int moment = BEFORE; moment <= HALF; moment++)
        for (int turn = 1, done = 0; !done; turn++) {
            death.moment = (enum moment)moment;
            death.down_ns = turn % 2 * 1500000000;
            death.forgets = turn % 7 == 6;
            death.countdown = turn;
            converse();
            done = death.countdown > 0;
            death.countdown = 0;
            say("PING\r\n");
            assert_int_equal(journal->error, 0);
            assert_reloads();
            say("FLUSHALL\r\nBGREWRITEAOF\r\n");
            deaths += !done;
        }
    assert_true(deaths > 60);
}

// It dies in the rename of a rewriting: done or not, the answer is right, and nothing is written once more.
static void fs_dies_renaming(void **state) {
    (void)state;
    for (int moment = BEFORE; moment <= AFTER; moment++) {
        say(counting);
        uint64_t before = journal->rewrites.count;
        death.only = "fs_rename";
        death.moment = (enum moment)moment;
        death.countdown = 1;
        assert_string_equal(say("BGREWRITEAOF\r\n"), "+Background append only file rewriting started\r\n");
        say(counting);
        assert_int_equal(death.countdown, 0);
        assert_int_equal(journal->rewrites.count, before + 1);
        assert_reloads();
    }
}

// An answer that cannot be is asked for again; the bytes are there once.
static void fs_answers_nonsense(void **state) {
    (void)state;
    static const int errors[] = {-EIO, -EBADF, -ENOSTACK, -EFAULT, 1 << 30};
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        say(counting);
        death.only = "fs_pwrite";
        death.moment = AFTER;
        death.error = errors[i];
        death.countdown = 1;
        assert_null(strstr(say(counting), "MISCONF"));
        assert_int_equal(death.countdown, 0);
        assert_reloads();
    }
}

// It comes back with less than it had taken: the store has all, and the file is written from that.
static void fs_loses_the_end(void **state) {
    (void)state;
    say(counting);
    fs_file_t file = __real_fs_open(JOURNAL_FILE, strlen(JOURNAL_FILE), FS_WRITE);
    assert_int_equal(__real_fs_truncate(file, (int64_t)journal->written / 2), 0);
    assert_int_equal(__real_fs_close(file), 0);
    death.countdown = 1;
    say(counting);
    assert_non_null(strstr(fake_line, "; it is written anew"));
    assert_reloads();
    assert_string_equal(say("GET n\r\n"), "$1\r\n2\r\n");
}

// It dies in every call of a start, too.
static void fs_dies_while_loading(void **state) {
    (void)state;
    converse();
    for (int turn = 1, done = 0; !done; turn++) {
        struct store other;
        store_open(&other, 3, 4, STORE_BYTES);
        death.moment = AFTER;
        death.down_ns = turn % 2 * 5000000000;
        death.countdown = turn;
        assert_int_equal(journal_load(&other), 0);
        done = death.countdown > 0;
        death.countdown = 0;
        assert_true(digest_of(&other) == digest_of(store));
        store_clear(&other);
    }
}

// It stays away: waiting writes are refused, later ones before they do anything, reads are served; then all is well again.
static void fs_stays_down(void **state) {
    (void)state;
    static const char refusal[] = "MISCONF Errors writing to the AOF file: the file system died";
    char why[JOURNAL_REFUSAL_MAX];
    say("SET a 1\r\n");
    death.countdown = 1;
    death.down_ns = 10000000000;
    talk.output_bytes = 0;
    talk_feed(&talk, "INCR a\r\n", 8);
    uint64_t start_ns = now_ns();
    assert_int_equal(journal_flush(store), -EDOMAINDEAD);
    assert_in_range(now_ns() - start_ns, 1900000000, 2200000000);
    assert_string_equal(fake_line, "kv: /appendonly.aof is not written: the file system died (error 1001); until it is, writes are refused");
    assert_int_equal(journal->mark_count, 1);
    assert_int_equal(journal->marks[0].start, 0);
    assert_int_equal(journal->marks[0].end, 4);
    journal_refusal(journal, why);
    assert_string_equal(why, refusal);
    journal->mark_count = 0;
    assert_string_equal(say("INCR a\r\nGET a\r\n"), "-MISCONF Errors writing to the AOF file: the file system died\r\n$1\r\n2\r\n");
    assert_non_null(strstr(say("INFO persistence\r\n"), "aof_last_write_status:err"));
    start_ns = now_ns();
    assert_int_equal(journal_flush(store), -EDOMAINDEAD); // one attempt
    assert_true(now_ns() == start_ns && journal_due(journal) > start_ns);
    fake_public.clock.base_ns = back_ns;
    assert_int_equal(journal_flush(store), 0);
    assert_string_equal(fake_line, "kv: /appendonly.aof is written again");
    assert_string_equal(say("INCR a\r\n"), ":3\r\n");
    assert_reloads();
}

static void fs_is_full(void **state) {
    (void)state;
    say("SET a 1\r\n");
    death.error = -ENOSPC;
    death.countdown = 1;
    talk_feed(&talk, "INCR a\r\n", 8);
    assert_int_equal(journal_flush(store), -ENOSPC);
    journal->mark_count = 0;
    assert_string_equal(say("INCR a\r\n"), "-MISCONF Errors writing to the AOF file: the file system is full\r\n");
    assert_int_equal(journal_flush(store), 0);
    assert_string_equal(say("INCR a\r\n"), ":3\r\n");
    assert_reloads();
}

// The replies of writes that are not in the log, wherever they wait, become refusals; the others stay, in order.
static void waiting_replies(void **state) {
    (void)state;
    static char value[100000], request[120000], wanted[400000];
    memset(value, 'v', sizeof(value));
    size_t bytes = (size_t)sprintf(request, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$100000\r\n%.100000s\r\n", value);
    say_bytes(request, bytes);
    for (size_t room = 0; room < 120; room += 7) {
        char direct[200];
        static const char input[] = "INCR n\r\nGET s\r\nSET s 1\r\nGET big\r\nAPPEND s 2\r\nSET s\r\nMGET n s\r\nDEL s n\r\nPING\r\n";
        size_t used = connection_input(&talk.table, talk.connection, input, sizeof(input) - 1, direct, room);
        assert_int_equal(journal->mark_count, 4);
        for (unsigned i = 0; i < 4; i++)
            journal->marks[i].socket = 0x10007;
        connection_refuse(&talk.table, talk.connection, direct, used, journal->marks, journal->mark_count, "MISCONF no");
        talk.output_bytes = 0;
        talk_drain(&talk);
        size_t expected = (size_t)sprintf(wanted, "-MISCONF no\r\n$-1\r\n-MISCONF no\r\n$100000\r\n%.100000s\r\n-MISCONF no\r\n"
                                                  "-ERR wrong number of arguments for 'set' command\r\n*2\r\n$1\r\n1\r\n$2\r\n12\r\n-MISCONF no\r\n+PONG\r\n", value);
        assert_int_equal(talk.output_bytes, expected);
        assert_memory_equal(talk.output, wanted, expected);
        say("PING\r\n");
    }
}

static void settings(void **state) {
    (void)state;
    assert_string_equal(say("CONFIG GET appendonly\r\n"), "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n");
    assert_string_equal(say("CONFIG SET appendonly no\r\n"), "+OK\r\n");
    assert_int_equal(fs_state.open_handles, 0);
    assert_string_equal(say("CONFIG GET appendonly\r\n"), "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
    assert_non_null(strstr(say("SET a 1\r\nINFO persistence\r\n"), "aof_enabled:0\r\n"));
    assert_string_equal(say("DEBUG LOADAOF\r\n"), "-ERR Error trying to load the AOF files, check server logs.\r\n");
    assert_string_equal(say("CONFIG SET appendfsync always APPENDONLY YES\r\n"), "+OK\r\n");
    assert_string_equal(file_lines(), "SET a 1\n");
    assert_reloads();
    assert_non_null(strstr(say("INCR a\r\nINFO persistence\r\n"), "aof_enabled:1\r\n"));
    assert_string_equal(say("CONFIG SET appendfsync sometimes\r\n"), "-ERR CONFIG SET failed (possibly related to argument 'appendfsync') - "
                                                                      "argument(s) must be one of the following: everysec, always, no\r\n");
    death.countdown = 1;
    death.down_ns = 10000000000;
    say("CONFIG SET appendonly no\r\n");
    assert_string_equal(say("CONFIG SET appendonly yes\r\n"),
                        "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.\r\n");
    back_ns = 0;
    assert_string_equal(say("CONFIG SET appendonly yes\r\nBGREWRITEAOF\r\n"), "+OK\r\n+Background append only file rewriting started\r\n");
}

// kv dies; its next generation has the same log, whatever the boot arguments say, and no handle stays open.
static void kv_restarts(void **state) {
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        say(counting);
        uint64_t wanted = digest_of(store);
        store_clear(store);
        heap_free(journal->bytes);
        heap_free(journal->marks);
        store_open(store, 7, 8, STORE_BYTES);
        strcpy(fake_public.boot_arguments, "");
        persistence_start(store);
        assert_true(journal->is_on && journal->policy == JOURNAL_ALWAYS);
        assert_true(digest_of(store) == wanted);
        say("PING\r\nINCR n\r\n");
        assert_int_equal(fs_state.open_handles, 1);
    }
    assert_string_equal(say("GET n\r\n"), "$2\r\n10\r\n");
}

// Without a log there is the snapshot, and a log from then on; with one, the log wins.
static void snapshot_and_log(void **state) {
    (void)state;
    say("SET a 1\r\nSAVE\r\nCONFIG SET appendonly no\r\n");
    assert_int_equal(unlink_path(JOURNAL_FILE), 0);
    say("CONFIG SET appendonly yes\r\nFLUSHALL\r\nCONFIG SET appendonly no\r\n");
    for (unsigned i = 0; i < 2; i++) {
        store_clear(store);
        assert_int_equal(journal_set(store, false), 0);
        store_open(store, 7, 8, STORE_BYTES);
        journal->is_on = true;
        journal_set_policy(journal, JOURNAL_ALWAYS);
        journal->is_on = false;
        persistence_start(store);
        assert_int_equal(store_count(store), i);
        if (i == 0) {
            assert_int_equal(journal_set(store, false), 0);
            assert_int_equal(unlink_path(JOURNAL_FILE), 0);
        }
    }
    assert_string_equal(file_lines(), "SET a 1\n");
    say("SET b 1\r\n");
    assert_string_equal(say("DEBUG RELOAD NOSAVE\r\nDBSIZE\r\n"), "+OK\r\n:1\r\n"); // the log follows
    assert_reloads();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_journal, end_journal)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(effects), TEST(format_of_the_file), TEST(time_does_not_matter), TEST(rewriting),
                                       TEST(rewrites_itself), TEST(policies), TEST(random_commands), TEST(torn_tails),
                                       TEST(damage), TEST(fs_dies_anywhere), TEST(fs_dies_renaming), TEST(fs_loses_the_end), TEST(fs_answers_nonsense), TEST(fs_dies_while_loading),
                                       TEST(fs_stays_down), TEST(fs_is_full), TEST(waiting_replies), TEST(settings),
                                       TEST(kv_restarts), TEST(snapshot_and_log)};
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
