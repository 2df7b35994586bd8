// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_snapshot.c - the store into a file of the real fs and back: every type, every damage, every failure, a hostile fs.
#include "checksum.h"
#include "fs_talk.h"
#include "golden.h"
#include "persistence.h"
#include "snapshot.h"
#include "stream.h"
#include "talk.h"

#define FILE_MAX (1 << 20)

static struct talk talk;
static char original[FILE_MAX];

// Calls of kv into fs go through here (unit.mk): the one whose turn it is fails, or is answered by a liar.
static struct {
    int countdown, error;          // 0: never
    int64_t (*lie)(void *buffer, size_t bytes, int64_t result);
} failure;

static bool fails(void) { return failure.countdown && --failure.countdown == 0; }

int __real_fs_open(const char *path, size_t path_bytes, uint32_t flags);
int64_t __real_fs_read(fs_file_t file, void *buffer, size_t bytes);
int64_t __real_fs_write(fs_file_t file, const void *buffer, size_t bytes);
int __real_fs_sync(fs_file_t file);
int __real_fs_rename(const char *from, size_t from_bytes, const char *to, size_t to_bytes);
int __wrap_fs_open(const char *path, size_t path_bytes, uint32_t flags);
int64_t __wrap_fs_read(fs_file_t file, void *buffer, size_t bytes);
int64_t __wrap_fs_write(fs_file_t file, const void *buffer, size_t bytes);
int __wrap_fs_sync(fs_file_t file);
int __wrap_fs_rename(const char *from, size_t from_bytes, const char *to, size_t to_bytes);

int __wrap_fs_open(const char *path, size_t path_bytes, uint32_t flags) {
    return fails() ? failure.error : __real_fs_open(path, path_bytes, flags);
}

int64_t __wrap_fs_read(fs_file_t file, void *buffer, size_t bytes) {
    if (fails())
        return failure.error;
    int64_t result = __real_fs_read(file, buffer, bytes);
    return failure.lie ? failure.lie(buffer, bytes, result) : result;
}

int64_t __wrap_fs_write(fs_file_t file, const void *buffer, size_t bytes) {
    if (fails())
        return failure.error;
    if (failure.lie)
        return failure.lie(NULL, bytes, 0);
    return __real_fs_write(file, buffer, bytes > 5000 ? bytes / 2 : bytes); // as if it were full: the rest is asked for again
}

int __wrap_fs_sync(fs_file_t file) { return fails() ? failure.error : __real_fs_sync(file); }

int __wrap_fs_rename(const char *from, size_t from_bytes, const char *to, size_t to_bytes) {
    return fails() ? failure.error : __real_fs_rename(from, from_bytes, to, to_bytes);
}

static int begin(void **state) {
    (void)state;
    fake_heap_limit = SIZE_MAX;
    fake_object_limit = SIZE_MAX;
    memset(&failure, 0, sizeof(failure));
    talk_open(&talk, 4 << 20, 65536);
    return fs_init(0, 0);
}

static int finish(void **state) {
    (void)state;
    assert_int_equal(fs_state.open_handles, 0);
    assert_int_equal(fake_objects, 0);
    fs_end();
    store_clear(&talk.store);
    assert_int_equal(talk.store.memory.used_bytes, 0);
    assert_int_equal(talk.store.expiring, 0);
    talk_close(&talk);
    return 0;
}

// What the server answers; valid until the next call.
static const char *say(const char *input) {
    talk.output_bytes = 0;
    talk_feed(&talk, input, strlen(input));
    talk_keep(&talk, "", 1);
    return talk.output;
}

static const char fill[] =
    "SET s 1 EX 100\r\nMSET a \"\" b \"\\x00\\r\\n\\xff\" \"\" empty\r\nRPUSH l 1 \"\" 3\r\nSADD t a \"\" c\r\nHSET h a 1 \"\" 2 c \"\"\r\n"
    "ZADD z 1 a -inf b 2.5 c\r\nXADD x 1-1 f v\r\nXADD x 2-7 f v g \"\"\r\nXADD y MAXLEN 0 5-5 f v\r\nPEXPIRE l 5000000\r\n";
static const char ask[] =
    "DBSIZE\r\nTTL s\r\nMGET s a b \"\"\r\nLRANGE l 0 -1\r\nTTL l\r\nSCARD t\r\nSISMEMBER t \"\"\r\nHMGET h a \"\" c d\r\n"
    "ZRANGE z 0 -1 WITHSCORES\r\nXRANGE x - +\r\nXADD x 2-7 f v\r\nXADD y 5-5 f v\r\nTYPE y\r\n";

static size_t file_read(const char *path, void *out) {
    struct fs_stat stat;
    assert_int_equal(stat_path(path, &stat), 0);
    assert_true(stat.bytes <= FILE_MAX);
    fs_file_t file = __real_fs_open(path, strlen(path), FS_READ);
    assert_true(file > 0);
    for (size_t done = 0; done < stat.bytes; done += FS_IO_MAX)
        assert_true(__real_fs_read(file, (char *)out + done, FS_IO_MAX) > 0);
    assert_int_equal(fs_close(file), 0);
    return stat.bytes;
}

static void file_write(const char *path, const void *bytes, size_t count) {
    fs_file_t file = __real_fs_open(path, strlen(path), FS_WRITE | FS_CREATE | FS_TRUNCATE);
    assert_true(file > 0);
    for (size_t done = 0, part; done < count; done += part) {
        part = count - done < FS_IO_MAX ? count - done : FS_IO_MAX;
        assert_int_equal(__real_fs_write(file, (const char *)bytes + done, part), part);
    }
    assert_int_equal(fs_close(file), 0);
}

static bool is_there(const char *path) {
    struct fs_stat stat;
    return stat_path(path, &stat) == 0;
}

// Loads bytes as the snapshot; what is refused is thrown away.
static int load(const void *bytes, size_t count) {
    file_write(PERSISTENCE_FILE, bytes, count);
    int result = persistence_load(&talk.store);
    assert_int_equal(is_there(PERSISTENCE_FILE), result == 0);
    if (result < 0)
        assert_int_equal(unlink_path(PERSISTENCE_FILE ".refused-1"), 0);
    return result;
}

static void checksums(void **state) {
    (void)state;
    char bytes[1000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)random_next();
    assert_true(checksum_add(0, "123456789", 9) == 0x995dc9bbdf1939fa); // the check value of CRC-64/XZ
    assert_true(checksum_add(0, "", 0) == 0);
    for (size_t cut = 0; cut <= sizeof(bytes); cut++)
        assert_true(checksum_add(checksum_add(0, bytes, cut), bytes + cut, sizeof(bytes) - cut) == checksum_add(0, bytes, sizeof(bytes)));
}

static void every_type(void **state) {
    (void)state;
    static char before[4096];
    assert_string_equal(say("DEBUG RELOAD\r\n"), "+OK\r\n"); // empty
    say(fill);
    strcpy(before, say(ask));
    assert_string_equal(say("SAVE\r\nFLUSHALL\r\nDBSIZE\r\nDEBUG RELOAD NOSAVE\r\n"), "+OK\r\n+OK\r\n:0\r\n+OK\r\n");
    assert_string_equal(say(ask), before);
    assert_string_equal(say("DEBUG RELOAD\r\n"), "+OK\r\n");
    assert_string_equal(say(ask), before);
    assert_string_equal(say("BGSAVE\r\n"), "+Background saving started\r\n");
    assert_false(is_there(PERSISTENCE_TEMPORARY));
}

static void many_keys(void **state) {
    (void)state;
    static char request[200000], before[60];
    for (unsigned i = 0; i < 3000; i++) {
        sprintf(request, "RPUSH key:%u %u %u\r\nSET s%u %u\r\n", i, i, i + 1, i, i);
        say(request);
    }
    static const char head[] = "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$150000\r\n"; // more than two buffers
    memset(request, 'v', sizeof(request));
    memcpy(request, head, strlen(head));
    memcpy(request + strlen(head) + 150000, "\r\n", 3);
    assert_string_equal(say(request), "+OK\r\n");
    size_t used = talk.store.memory.used_bytes;
    assert_string_equal(say("DEBUG RELOAD\r\n"), "+OK\r\n");
    assert_string_equal(say("DBSIZE\r\nSTRLEN big\r\nGETRANGE big 149999 -1\r\n"), ":6001\r\n:150000\r\n$1\r\nv\r\n");
    assert_true(talk.store.memory.used_bytes < used + used / 4);
    for (unsigned i = 0; i < 3000; i++) {
        sprintf(request, "LINDEX key:%u 1\r\nGET s%u\r\n", i, i);
        sprintf(before, "$%d\r\n%u\r\n$%d\r\n%u\r\n", snprintf(NULL, 0, "%u", i + 1), i + 1, snprintf(NULL, 0, "%u", i), i);
        assert_string_equal(say(request), before);
    }
}

static void golden_file(void **state) {
    (void)state;
    assert_int_equal(load(golden, sizeof(golden)), 0);
    assert_non_null(strstr(fake_line, "loaded: 7 keys, 1 expired"));
    assert_string_equal(say("GET s\r\nLRANGE l 0 -1\r\nSMEMBERS t\r\nHGETALL h\r\nZRANGE z 0 -1 WITHSCORES\r\nXRANGE x - +\r\nXADD x 5-0 f v\r\n"
                            "EXISTS old\r\nGET later\r\n"),
                        "$5\r\nhello\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$0\r\n\r\n*1\r\n$1\r\na\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
                        "*4\r\n$1\r\na\r\n$3\r\n1.5\r\n$1\r\nb\r\n$3\r\n2.5\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
                        "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n:0\r\n$4\r\nhere\r\n");
    struct dict_entry *later = store_find(&talk.store, "later", 5);
    assert_non_null(later);
    assert_true(later->expires_ms == 4102444800000);
}

// A refused file leaves the store as it was, is kept, and named with its reason.
static void refused(const void *bytes, size_t count) {
    assert_int_equal(load(bytes, count), -EINVAL);
    assert_non_null(strstr(fake_line, "kv: /dump.kv refused: "));
    assert_non_null(strstr(fake_line, "; it is now /dump.kv.refused-1, and the server has 1 keys"));
}

static void every_damage(void **state) {
    (void)state;
    static char bytes[FILE_MAX];
    say(fill);
    say("SAVE\r\n");
    size_t count = file_read(PERSISTENCE_FILE, original);
    say("FLUSHALL\r\nSET kept 1\r\n");
    for (size_t cut = 0; cut < count; cut++)
        refused(original, cut);
    memcpy(bytes, original, count);
    for (size_t bit = 0; bit < 8 * count; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        refused(bytes, count);
        bytes[bit / 8] = original[bit / 8];
    }
    bytes[count] = 0;
    refused(bytes, count + 1);
    assert_non_null(strstr(fake_line, "it goes on after its end"));
    assert_string_equal(say("GET kept\r\n"), "$1\r\n1\r\n");
    assert_int_equal(load(original, count), 0);
    assert_string_equal(say("DBSIZE\r\n"), ":10\r\n");
}

static size_t checksum_repair(char *bytes, size_t count) {
    uint64_t checksum = checksum_add(0, bytes, count - sizeof(checksum));
    memcpy(bytes + count - sizeof(checksum), &checksum, sizeof(checksum));
    return count;
}

// Whoever writes the file computes the checksum as well. What gets in must be a store like any other.
static void malice(void **state) {
    (void)state;
    static char bytes[FILE_MAX];
    static const char use[] = "APPEND s x\r\nLPOP l 5\r\nSPOP t 9\r\nHGETALL h\r\nHINCRBY h a 1\r\nZRANGE z 0 -1 WITHSCORES\r\nZINCRBY z 1 a\r\n"
                              "ZPOPMIN z 9\r\nXRANGE x - +\r\nXREVRANGE x + -\r\nXADD x * f v\r\nXADD y * f v\r\nSCAN 0 COUNT 100\r\nTTL s\r\nKEYS *\r\n"
                              "MGET a b c\r\nDEBUG RELOAD\r\n";
    unsigned loaded = 0;
    say(fill);
    say("SAVE\r\n");
    size_t count = file_read(PERSISTENCE_FILE, original);
    for (int round = 0; round < 30000; round++) {
        memcpy(bytes, original, count);
        for (uint32_t changes = 1 + random_below(3); changes; changes--) {
            size_t at = 16 + random_below((uint32_t)count - 32);
            bytes[at] = (char)(random_below(2) ? random_next() : bytes[at] + random_below(9) - 4);
        }
        if (load(bytes, checksum_repair(bytes, count)) == 0) {
            loaded++;
            size_t place = 0;
            for (struct dict_entry *entry = NULL; (entry = dict_next(&talk.store.keys, &place, entry));)
                assert_true(entry->type == TYPE_STRING || entry->type == TYPE_STREAM || store_length(entry) > 0);
            say(use);
        }
    }
    assert_true(loaded > 1000); // otherwise nothing was tried
}

static void wrong_contents(void **state) {
    (void)state;
    static const struct {
        size_t at;                 // of golden, as below
        unsigned char byte;
        const char *why;
    } cases[] = {{0, 'X', "it is no snapshot"},
                 {8, 2, "it has a version that this server does not know"},
                 {16, 9, "it has a record of an unknown kind"},
                 {16, 3, "it has a record out of place"},
                 {17, 6, "it has a record of an unknown kind"},
                 {18, 1, "it has a record of an unknown kind"},
                 {23, 0x7f, "it is truncated"},
                 {20, 15, "a key has a malformed record"},
                 {31, 0x80, "a key has a malformed record"},
                 {32, 2, "a key has a malformed record"},
                 {218, 0x7f, "a sorted set has an impossible score"},   // 1.5: now no number
                 {270, 0, "a stream has a last id below its last entry"}, // 5-0: now 0-0
                 {sizeof(golden) - 16, 7, "its checksum is wrong"}};   // the number of keys
    static char bytes[sizeof(golden)];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        memcpy(bytes, golden, sizeof(golden));
        bytes[cases[i].at] = (char)cases[i].byte;
        assert_int_equal(load(bytes, checksum_repair(bytes, sizeof(golden))), -EINVAL);
        if (!strstr(fake_line, cases[i].why))
            fail_msg("%zu: %s", i, fake_line);
    }
}

static void stream_items(void **state) {
    (void)state;
    const char *item = (const char *)golden + 294; // 1-1, f, v
    struct stream_id before = {1, 0}, same = {1, 1}, after = {2, 0};
    assert_true(stream_item_check(item, 30, &before) && before.sequence == 1);
    assert_false(stream_item_check(item, 30, &same));
    assert_false(stream_item_check(item, 30, &after));
    for (size_t bytes = 0; bytes < 30; bytes++)
        assert_false(stream_item_check(item, bytes, &(struct stream_id){0}));
}

static void refused_files_are_kept(void **state) {
    (void)state;
    file_write(PERSISTENCE_FILE, "first", 5);
    assert_int_equal(persistence_load(&talk.store), -EINVAL);
    assert_string_equal(fake_line, "kv: /dump.kv refused: it is no snapshot; it is now /dump.kv.refused-1, and the server has 0 keys");
    file_write(PERSISTENCE_FILE, "second", 6);
    assert_int_equal(persistence_load(&talk.store), -EINVAL);
    assert_file(PERSISTENCE_FILE ".refused-1", "first");
    assert_file(PERSISTENCE_FILE ".refused-2", "second");
    assert_int_equal(persistence_load(&talk.store), -ENOENT);
    assert_string_equal(say("DEBUG RELOAD NOSAVE\r\n"), "-ERR there is no /dump.kv\r\n");
    file_write(PERSISTENCE_FILE, "third", 5);
    assert_string_equal(say("DEBUG RELOAD NOSAVE\r\n"), "-ERR Error trying to load the RDB dump, check server logs.\r\n");
}

// Wherever saving fails: one error, and the snapshot before stays what it was.
static void save_fails_anywhere(void **state) {
    (void)state;
    int calls = 0;
    say("SET old 1\r\nSAVE\r\nFLUSHALL\r\n");
    say(fill);
    size_t count = file_read(PERSISTENCE_FILE, original);
    for (int turn = 1; !calls; turn++) {
        static char now[FILE_MAX];
        failure.countdown = turn;
        failure.error = turn % 2 ? -ENOSPC : -EDOMAINDEAD;
        const char *answer = say("SAVE\r\n");
        if (failure.countdown) { // it needs fewer calls than that
            calls = turn - 1;
            assert_string_equal(answer, "+OK\r\n");
            break;
        }
        assert_string_equal(answer, turn % 2 ? "-ERR /dump.kv was not saved: the file system is full\r\n"
                                             : "-ERR /dump.kv was not saved: the file system died\r\n");
        assert_non_null(strstr(say("INFO persistence\r\n"), "rdb_last_bgsave_status:err"));
        failure.countdown = turn;
        assert_non_null(strstr(say("DEBUG RELOAD\r\nDBSIZE\r\n"), "\r\n:10\r\n"));
        assert_int_equal(file_read(PERSISTENCE_FILE, now), count);
        assert_memory_equal(now, original, count);
        assert_false(is_there(PERSISTENCE_TEMPORARY));
    }
    failure.countdown = 0;
    assert_true(calls >= 4); // open, write, sync, rename
    assert_non_null(strstr(say("INFO persistence\r\n"), "rdb_last_bgsave_status:ok"));
    fake_object_limit = 0;
    assert_string_equal(say("SAVE\r\n"), "-ERR /dump.kv was not saved: out of memory\r\n");
}

static void load_fails_anywhere(void **state) {
    (void)state;
    bool done = false;
    say(fill);
    say("SAVE\r\n");
    size_t count = file_read(PERSISTENCE_FILE, original);
    for (int turn = 1; turn < 20; turn++) { // it is back at once, and the file is read again
        failure.countdown = turn;
        failure.error = turn % 2 ? -EDOMAINDEAD : -ESTALE;
        assert_int_equal(persistence_load(&talk.store), 0);
        assert_int_equal(store_count(&talk.store), 10);
    }
    failure.error = -EIO;
    for (int turn = 1; !done; turn++) {
        failure.countdown = turn;
        file_write(PERSISTENCE_FILE, original, count);
        int result = persistence_load(&talk.store);
        done = result == 0;
        assert_true(done || result == -EIO);
        size_t keys = store_count(&talk.store);
        assert_true(keys == 10 || (keys == 0 && !done));
        failure.countdown = 0;
        if (!done)
            assert_true(is_there(PERSISTENCE_FILE) || unlink_path(PERSISTENCE_FILE ".refused-1") == 0);
    }
    size_t allocations = 0;
    for (int result = -ENOMEM; result < 0; allocations++) {
        file_write(PERSISTENCE_FILE, original, count);
        fake_heap_countdown = allocations;
        result = persistence_load(&talk.store);
        fake_heap_countdown = SIZE_MAX;
        assert_true(result == 0 || result == -ENOMEM || result == -ENOSPC); // the countdown runs in fs, too
        if (result < 0)
            assert_true(is_there(PERSISTENCE_FILE) || unlink_path(PERSISTENCE_FILE ".refused-1") == 0);
        assert_int_equal(store_count(&talk.store) % 10, 0); // all or nothing
    }
    assert_true(allocations > 20);
    talk.store.memory.limit_bytes = 1000; // the file is good, but too large for this server
    file_write(PERSISTENCE_FILE, original, count);
    assert_int_equal(persistence_load(&talk.store), -ENOMEM);
    assert_string_equal(fake_line, "kv: /dump.kv refused: out of memory; it is now /dump.kv.refused-1, and the server has 0 keys");
    talk.store.memory.limit_bytes = 4 << 20;
}

static int passes;

static int64_t lie_much(void *buffer, size_t bytes, int64_t result) {
    (void)buffer;
    return result ? (int64_t)bytes + 1 : 0;
}

static int64_t lie_nothing(void *buffer, size_t bytes, int64_t result) {
    (void)buffer;
    (void)bytes;
    (void)result;
    return 0;
}

// The file is good when it is checked, and another one when it is loaded.
static int64_t lie_second(void *buffer, size_t bytes, int64_t result) {
    (void)bytes;
    if (result > 200 && passes++)
        ((char *)buffer)[200] ^= 1;
    return result;
}

static void hostile_fs(void **state) {
    (void)state;
    say(fill);
    failure.lie = lie_much;
    assert_string_equal(say("SAVE\r\n"), "-ERR /dump.kv was not saved: the file system failed\r\n");
    failure.lie = lie_nothing;
    assert_string_equal(say("SAVE\r\n"), "-ERR /dump.kv was not saved: the file system failed\r\n");
    failure.lie = NULL;
    say("SAVE\r\n");
    size_t count = file_read(PERSISTENCE_FILE, original);
    failure.lie = lie_much;
    assert_int_equal(load(original, count), -EINVAL);
    failure.lie = lie_nothing;
    assert_int_equal(load(original, count), -EINVAL);
    assert_string_equal(say("DBSIZE\r\n"), ":10\r\n");
    failure.lie = lie_second;
    assert_int_equal(load(original, count), -EINVAL);
    assert_int_equal(passes, 2);
    assert_string_equal(say("DBSIZE\r\n"), ":0\r\n");
}

static void ends(void **state) {
    (void)state;
    assert_string_equal(say("SHUTDOWN FOO\r\nSHUTDOWN SAVE NOSAVE\r\nSHUTDOWN ABORT NOW\r\nSHUTDOWN ABORT\r\n"),
                        "-ERR syntax error\r\n-ERR syntax error\r\n-ERR syntax error\r\n-ERR No shutdown in progress.\r\n");
    failure.countdown = 1;
    failure.error = -ENOSPC;
    assert_string_equal(say("SHUTDOWN SAVE\r\nPING\r\n"), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n+PONG\r\n");
    assert_false(talk.table.clients.shutdown);
    failure.countdown = 1;
    assert_string_equal(say("SHUTDOWN SAVE FORCE\r\nPING\r\n"), "");
    assert_true(talk.table.clients.shutdown);
    assert_false(is_there(PERSISTENCE_FILE));
}

static void saves_and_ends(void **state) {
    (void)state;
    assert_string_equal(say("SET a 1\r\nSHUTDOWN\r\nPING\r\n"), "+OK\r\n");
    assert_true(talk.table.clients.shutdown && talk.connection->closing);
    assert_false(is_there(PERSISTENCE_FILE));
    talk.connection->closing = false;
    assert_string_equal(say("SHUTDOWN SAVE\r\nPING\r\n"), "");
    assert_true(is_there(PERSISTENCE_FILE));
}

static void figures(void **state) {
    (void)state;
    char wanted[40];
    sprintf(wanted, ":%ld\r\n", time(NULL) + 100);
    assert_non_null(strstr(say("SET a 1\r\nDEL a\r\nGET a\r\nINFO Persistence\r\n"), "rdb_changes_since_last_save:2\r\n"));
    fake_public.clock.wall_offset_ns = (uint64_t)(time(NULL) + 100) * 1000000000;
    fake_public.clock.multiplier = 0;
    assert_string_equal(say("SAVE\r\nLASTSAVE\r\n") + 5, wanted);
    assert_non_null(strstr(say("INFO\r\n"), "rdb_changes_since_last_save:0\r\n"));
    assert_null(strstr(say("INFO memory\r\n"), "rdb_"));
    assert_string_equal(say("CONFIG GET dir\r\nCONFIG GET dbfilename\r\n"),
                        "*2\r\n$3\r\ndir\r\n$1\r\n/\r\n*2\r\n$10\r\ndbfilename\r\n$7\r\ndump.kv\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(checksums), TEST(every_type), TEST(many_keys), TEST(golden_file), TEST(every_damage),
                                       TEST(malice), TEST(wrong_contents), TEST(stream_items),
                                       TEST(refused_files_are_kept), TEST(save_fails_anywhere),
                                       TEST(load_fails_anywhere), TEST(hostile_fs), TEST(ends), TEST(saves_and_ends), TEST(figures)};
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
