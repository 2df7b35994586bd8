// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// snapshot_write.c - the store into a file; see snapshot.h.
//
// The checksum is that of the private bytes, so that a change on the way to fs is found when the file is read.
#include "checksum.h"
#include "files.h"
#include "record.h"
#include "string.h"
#include "walk.h"

struct saver {
    struct file_writer file;
    uint64_t checksum;
};

static void put(struct saver *saver, const void *data, size_t bytes) {
    saver->checksum = checksum_add(saver->checksum, data, bytes);
    file_put(&saver->file, data, bytes);
}

// The payload follows. It fits 32 bits: no request is that long (resp.h).
static void put_record(struct saver *saver, enum record_kind kind, enum type type, size_t payload_bytes) {
    struct record record = {.kind = (uint8_t)kind, .type = (uint8_t)type, .bytes = (uint32_t)payload_bytes};
    put(saver, &record, sizeof(record));
}

static void put_element(struct saver *saver, enum type type, const struct element *element) {
    uint32_t name_bytes = (uint32_t)element->name_bytes;
    size_t score_bytes = type == TYPE_ZSET ? sizeof(element->score) : 0;
    size_t length_bytes = type == TYPE_HASH ? sizeof(name_bytes) : 0;
    size_t value_bytes = type == TYPE_HASH ? element->value_bytes : 0;
    put_record(saver, RECORD_ELEMENT, 0, score_bytes + length_bytes + name_bytes + value_bytes);
    put(saver, &element->score, score_bytes);
    put(saver, &name_bytes, length_bytes);
    put(saver, element->name, name_bytes);
    put(saver, element->value, value_bytes);
}

static void put_key(struct saver *saver, struct dict_entry *entry) {
    enum type type = entry->type;
    struct record_key key = {entry->expires_ms, type == TYPE_STRING ? 1 : store_length(entry)};
    put_record(saver, RECORD_KEY, type, sizeof(key) + entry->key_bytes);
    put(saver, &key, sizeof(key));
    put(saver, entry->bytes, entry->key_bytes);
    if (type == TYPE_STREAM) {
        const struct stream *stream = store_object(entry);
        struct stream_id last = {stream->last_ms, stream->last_sequence};
        put_record(saver, RECORD_LAST, 0, sizeof(last));
        put(saver, &last, sizeof(last));
    }
    struct walk walk;
    struct element element;
    walk_open(&walk, entry);
    while (!saver->file.error && walk_next(&walk, &element))
        put_element(saver, type, &element);
}

int snapshot_write(const struct store *store, fs_file_t file, struct snapshot *snapshot) {
    const struct record_start start = {RECORD_MAGIC, RECORD_VERSION, 0};
    struct saver saver = {.checksum = 0};
    int64_t now_ms = store_now_ms();
    size_t place = 0;
    *snapshot = (struct snapshot){0};
    int result = file_writer_open(&saver.file, file);
    if (result < 0)
        return result;
    put(&saver, &start, sizeof(start));
    for (struct dict_entry *entry = NULL; !saver.file.error && (entry = dict_next(&store->keys, &place, entry));)
        if (!store_is_over(entry, now_ms)) {
            put_key(&saver, entry);
            snapshot->keys++;
        }
    put_record(&saver, RECORD_END, 0, sizeof(struct record_end));
    put(&saver, &snapshot->keys, sizeof(snapshot->keys));
    uint64_t checksum = saver.checksum;
    put(&saver, &checksum, sizeof(checksum));
    snapshot->bytes = saver.file.bytes;
    return file_writer_close(&saver.file);
}
