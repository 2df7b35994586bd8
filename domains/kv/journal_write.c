// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// journal_write.c - the store as the shortest log that makes it; see journal.h. Source: Redis 7.0, aof.c
// (rewriteAppendOnlyFile).
#include "clock.h"
#include "format.h"
#include "log.h"
#include "number.h"
#include "patience.h"
#include "real.h"
#include "store.h"
#include "stream.h"
#include "string.h"
#include "walk.h"

#define ELEMENTS_MAX 64        // per command, as Redis
#define RENAME_NS 2000000000

static void put_line(struct file_writer *file, char type, uint64_t number) {
    char line[NUMBER_LINE_MAX];
    file_put(file, line, (size_t)(number_line(line, type, number, false) - line));
}

static void put_word(struct file_writer *file, const void *bytes, size_t count) {
    put_line(file, '$', count);
    file_put(file, bytes, count);
    file_put(file, "\r\n", 2);
}

static void put_text(struct file_writer *file, const char *text) { put_word(file, text, strlen(text)); }

static void put_command(struct file_writer *file, const char *name, uint64_t words, const struct dict_entry *key) {
    put_line(file, '*', words);
    put_text(file, name);
    put_word(file, key->bytes, key->key_bytes);
}

static void put_id(struct file_writer *file, struct stream_id id) {
    char text[STREAM_ID_MAX];
    put_word(file, text, format(text, sizeof(text), "%lu-%lu", id.ms, id.sequence));
}

static void put_stream_item(struct file_writer *file, const struct dict_entry *key, const char *item) {
    struct stream_id id;
    uint32_t strings, length;
    memcpy(&id, item, sizeof(id));
    memcpy(&strings, item + sizeof(id), sizeof(strings));
    put_command(file, "XADD", 3 + (uint64_t)strings, key);
    put_id(file, id);
    for (item += STREAM_ITEM_HEAD_BYTES; strings; strings--, item += sizeof(length) + length) {
        memcpy(&length, item, sizeof(length));
        put_word(file, item + sizeof(length), length);
    }
}

// A stream of which only the last id is left.
static void put_empty_stream(struct file_writer *file, struct dict_entry *key) {
    const struct stream *stream = store_object(key);
    put_command(file, "XADD", 7, key);
    put_text(file, "MAXLEN");
    put_text(file, "0");
    put_id(file, (struct stream_id){stream->last_ms, stream->last_sequence});
    put_text(file, "x");
    put_text(file, "y");
}

static void put_element(struct file_writer *file, enum type type, const struct element *element) {
    char text[REAL_TEXT_MAX];
    if (type == TYPE_ZSET)
        put_word(file, text, real_format(element->score, text));
    put_word(file, element->name, element->name_bytes);
    if (type == TYPE_HASH)
        put_word(file, element->value, element->value_bytes);
}

static void put_key(struct file_writer *file, struct dict_entry *key) {
    static const char *const names[TYPE_COUNT] = {"SET", "RPUSH", "SADD", "ZADD", "HSET", "XADD"};
    enum type type = key->type;
    size_t left = type == TYPE_STRING ? 1 : store_length(key), words = type == TYPE_ZSET || type == TYPE_HASH ? 2 : 1;
    struct walk walk;
    struct element element;
    walk_open(&walk, key);
    if (type == TYPE_STREAM && !left)
        put_empty_stream(file, key);
    for (size_t begun = 0; !file->error && walk_next(&walk, &element); left--) {
        if (type == TYPE_STREAM) {
            put_stream_item(file, key, element.name);
            continue;
        }
        if (begun++ % ELEMENTS_MAX == 0)
            put_command(file, names[type], 2 + words * (left < ELEMENTS_MAX ? left : ELEMENTS_MAX), key);
        put_element(file, type, &element);
    }
    if (key->expires_ms) {
        char text[NUMBER_MAX];
        put_command(file, "PEXPIREAT", 3, key);
        put_word(file, text, number_text(key->expires_ms, text));
    }
}

// Writes the keys to file, whose size it tells.
static int write_keys(const struct store *store, fs_file_t file, uint64_t *bytes) {
    struct file_writer writer;
    int64_t now_ms = store_now_ms();
    size_t place = 0;
    int result = file_writer_open(&writer, file);
    if (result < 0)
        return result;
    for (struct dict_entry *key = NULL; !writer.error && (key = dict_next(&store->keys, &place, key));)
        if (!store_is_over(key, now_ms))
            put_key(&writer, key);
    *bytes = writer.bytes;
    return file_writer_close(&writer);
}

// The commit point. fs may die before or behind it: asked again, it says that the name is gone when that was behind.
static int replace_file(void) {
    static const char from[] = JOURNAL_TEMPORARY, to[] = JOURNAL_FILE;
    struct patience patience = {.until_ns = time_now_ns() + RENAME_NS};
    int result = WITHIN_SECOND(fs_rename(from, sizeof(from) - 1, to, sizeof(to) - 1));
    if (!file_is_lost(result))
        return result;
    while (file_is_lost(result) && patience_wait(&patience))
        result = WITHIN_SECOND(fs_rename(from, sizeof(from) - 1, to, sizeof(to) - 1));
    return result == -ENOENT ? 0 : result;
}

static int write_file(struct store *store, uint64_t *bytes) {
    static const char temporary[] = JOURNAL_TEMPORARY;
    struct journal *journal = &store->journal;
    fs_file_t file = file_open(temporary, FS_WRITE | FS_CREATE | FS_TRUNCATE);
    if (file < 0)
        return file;
    int result = write_keys(store, file, bytes);
    if (result == 0) {
        result = replace_file();
        journal->incomplete |= file_is_lost(result); // one file or the other: nobody knows
    }
    if (result < 0) {
        file_close(file);
        int removed = WITHIN_SECOND(fs_unlink(temporary, sizeof(temporary) - 1));
        (void)removed; // what is left of it, the next rewriting truncates
        return result;
    }
    if (journal->file)
        file_close(journal->file);
    journal->file = file;
    return 0;
}

int journal_rewrite(struct store *store) {
    struct journal *journal = &store->journal;
    uint64_t start_ns = time_now_ns(), bytes = 0;
    int result = write_file(store, &bytes);
    journal->rewrites.failed = result < 0;
    if (result < 0) {
        if (!file_is_lost(result))
            journal->base = journal->written; // it may be full: not at once again
        if (!file_is_lost(result) && !journal->error)
            log_line("kv: %s was not rewritten: %s (error %d)", JOURNAL_FILE, file_error(result), -result);
        return result;
    }
    journal->written = journal->base = bytes;
    journal->used = journal->mark_count = 0; // the store that was written had them
    journal->incomplete = false;
    journal->error = 0;
    journal->rewrites.count++;
    journal->rewrites.took_ms = (int64_t)((time_now_ns() - start_ns) / 1000000);
    if (journal->is_on)
        return 0;
    file_close(journal->file);
    journal->file = 0;
    return 0;
}
