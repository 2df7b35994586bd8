// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// snapshot_read.c - a file into the store; see snapshot.h.
//
// Every byte is copied once from the shared-heap object into which fs reads, and then checked in private memory. Lengths
// are believed only as far as the file still is long, so that a damaged one costs no memory.
#include "checksum.h"
#include "copy.h"
#include "patience.h"
#include "real.h"
#include "record.h"
#include "stream.h"
#include "walk.h"
#include "xheap.h"

struct scratch {               // private memory, as large as the largest payload so far
    char *bytes;
    size_t used, room;
};

struct reader {
    fs_file_t file;
    char *buffer;              // shared heap
    size_t used, filled;       // of buffer
    uint64_t left, checksum;   // left: bytes of the file that were not taken yet
    struct scratch key, payload;
    int64_t now_ms;
    int error;
    const char *why;
};

static bool fail(struct reader *reader, int error, const char *why) {
    reader->error = error;
    reader->why = why;
    return false;
}

static bool damaged(struct reader *reader, const char *why) { return fail(reader, -EINVAL, why); }

static bool fill(struct reader *reader) {
    int64_t result = WITHIN_SECOND(fs_read(reader->file, reader->buffer, FS_IO_MAX));
    if (result < 0)
        return fail(reader, (int)result, NULL);
    if (result == 0 || result > FS_IO_MAX)
        return damaged(reader, "it is truncated");
    reader->used = 0;
    reader->filled = (size_t)result;
    return true;
}

static bool take(struct reader *reader, void *to, size_t bytes) {
    char *out = to;
    if (bytes > reader->left)
        return damaged(reader, "it is truncated");
    reader->left -= bytes;
    for (size_t part; bytes; bytes -= part, out += part) {
        if (reader->used == reader->filled && !fill(reader))
            return false;
        part = reader->filled - reader->used;
        part = part < bytes ? part : bytes;
        copy_data(out, reader->buffer + reader->used, part);
        reader->checksum = checksum_add(reader->checksum, out, part);
        reader->used += part;
    }
    return true;
}

static bool take_scratch(struct reader *reader, struct scratch *scratch, size_t bytes) {
    if (bytes > reader->left)
        return damaged(reader, "it is truncated");
    if (bytes > scratch->room || !scratch->bytes) {
        heap_free(scratch->bytes);
        scratch->room = bytes;
        scratch->bytes = heap_alloc(bytes);
        if (!scratch->bytes)
            return fail(reader, -ENOMEM, NULL);
    }
    scratch->used = bytes;
    return take(reader, scratch->bytes, bytes);
}

static bool take_record(struct reader *reader, struct record *record) {
    if (!take(reader, record, sizeof(*record)))
        return false;
    bool good = record->kind >= RECORD_KEY && record->kind <= RECORD_END && !record->zero &&
                (record->kind == RECORD_KEY ? record->type < TYPE_COUNT : !record->type);
    return good || damaged(reader, "it has a record of an unknown kind");
}

// The payload as an element of this type; previous is the id of the stream's item before.
static bool parse_element(struct reader *reader, enum type type, struct stream_id *previous, struct element *element) {
    const struct scratch *payload = &reader->payload;
    uint32_t name_bytes;
    *element = (struct element){.name = payload->bytes, .name_bytes = payload->used};
    switch (type) {
    case TYPE_HASH:
        if (payload->used < sizeof(name_bytes))
            return damaged(reader, "a hash has a malformed field");
        memcpy(&name_bytes, payload->bytes, sizeof(name_bytes));
        if (name_bytes > payload->used - sizeof(name_bytes))
            return damaged(reader, "a hash has a malformed field");
        element->name = payload->bytes + sizeof(name_bytes);
        element->name_bytes = name_bytes;
        element->value = element->name + name_bytes;
        element->value_bytes = payload->used - sizeof(name_bytes) - name_bytes;
        return true;
    case TYPE_ZSET:
        if (payload->used < sizeof(element->score))
            return damaged(reader, "a sorted set has a malformed member");
        memcpy(&element->score, payload->bytes, sizeof(element->score));
        if ((element->score & ~REAL_SIGN) > REAL_INFINITY || element->score == REAL_SIGN)
            return damaged(reader, "a sorted set has an impossible score");
        element->name += sizeof(element->score);
        element->name_bytes -= sizeof(element->score);
        return true;
    case TYPE_STREAM:
        return stream_item_check(payload->bytes, payload->used, previous) ||
               damaged(reader, "a stream has a malformed entry");
    default:
        return true;
    }
}

static bool take_last(struct reader *reader, struct stream_id *last) {
    struct record record;
    if (!take_record(reader, &record))
        return false;
    if (record.kind != RECORD_LAST || record.bytes != sizeof(*last))
        return damaged(reader, "a stream has no last id");
    return take(reader, last, sizeof(*last));
}

// What follows a KEY record. store NULL: it is only checked.
static bool read_elements(struct reader *reader, struct store *store, enum type type, uint64_t count) {
    struct record record;
    struct stream_id last = {0, 0}, previous = {0, 0};
    const struct scratch *key = &reader->key;
    if (type == TYPE_STREAM && !take_last(reader, &last))
        return false;
    if (store && walk_restore(store, key->bytes, key->used, type) < 0)
        return fail(reader, -ENOMEM, NULL);
    for (; count; count--) {
        struct element element;
        if (!take_record(reader, &record))
            return false;
        if (record.kind != RECORD_ELEMENT)
            return damaged(reader, "a key has too few elements");
        if (!take_scratch(reader, &reader->payload, record.bytes) || !parse_element(reader, type, &previous, &element))
            return false;
        if (store && walk_add(store, key->bytes, key->used, &element) < 0)
            return fail(reader, -ENOMEM, NULL);
    }
    if (type != TYPE_STREAM)
        return true;
    if (stream_compare(last, previous) < 0)
        return damaged(reader, "a stream has a last id below its last entry");
    struct dict_entry *entry = store ? store_find(store, key->bytes, key->used) : NULL;
    if (entry) {
        struct stream *stream = store_object(entry);
        stream->last_ms = last.ms;
        stream->last_sequence = last.sequence;
    }
    return true;
}

static bool read_key(struct reader *reader, struct store *store, const struct record *record,
                     struct snapshot *snapshot) {
    struct record_key key;
    if (record->bytes < sizeof(key))
        return damaged(reader, "a key has a malformed record");
    if (!take(reader, &key, sizeof(key)) || !take_scratch(reader, &reader->key, record->bytes - sizeof(key)))
        return false;
    bool is_empty = !key.elements && record->type != TYPE_STREAM;
    if (key.expires_ms < 0 || is_empty || (record->type == TYPE_STRING && key.elements > 1))
        return damaged(reader, "a key has a malformed record");
    bool is_over = key.expires_ms && key.expires_ms <= reader->now_ms;
    snapshot->keys++;
    snapshot->expired += is_over;
    if (is_over)
        store = NULL;
    if (!read_elements(reader, store, record->type, key.elements))
        return false;
    struct dict_entry *entry = store ? store_find(store, reader->key.bytes, reader->key.used) : NULL;
    if (entry)
        store_expire(store, entry, key.expires_ms);
    return true;
}

static bool read_all(struct reader *reader, struct store *store, struct snapshot *snapshot) {
    struct record_start start;
    struct record_end end;
    struct record record;
    if (reader->left < sizeof(start))
        return damaged(reader, "it is no snapshot");
    if (!take(reader, &start, sizeof(start)))
        return false;
    if (memcmp(start.magic, RECORD_MAGIC, sizeof(start.magic)))
        return damaged(reader, "it is no snapshot");
    if (start.version != RECORD_VERSION || start.zero)
        return damaged(reader, "it has a version that this server does not know");
    while (take_record(reader, &record)) {
        if (record.kind == RECORD_KEY) {
            if (!read_key(reader, store, &record, snapshot))
                return false;
        } else if (record.kind != RECORD_END || record.bytes != sizeof(end)) {
            return damaged(reader, "it has a record out of place");
        } else {
            if (!take(reader, &end.keys, sizeof(end.keys)))
                return false;
            uint64_t checksum = reader->checksum;
            if (!take(reader, &end.checksum, sizeof(end.checksum)))
                return false;
            if (checksum != end.checksum || end.keys != snapshot->keys)
                return damaged(reader, "its checksum is wrong");
            return !reader->left || damaged(reader, "it goes on after its end");
        }
    }
    return false;
}

int snapshot_read(struct store *store, fs_file_t file, struct snapshot *snapshot) {
    struct reader reader = {.file = file, .now_ms = store_now_ms()};
    struct fs_stat stat;
    *snapshot = (struct snapshot){0};
    int result = WITHIN_SECOND(fs_fstat(file, &stat));
    if (result < 0)
        return result;
    reader.buffer = xheap_alloc(FS_IO_MAX);
    if (!reader.buffer)
        return -ENOMEM;
    reader.left = snapshot->bytes = stat.bytes;
    if (!read_all(&reader, store, snapshot))
        snapshot->why = reader.why;
    heap_free(reader.key.bytes);
    heap_free(reader.payload.bytes);
    result = xheap_free(reader.buffer);
    (void)result; // our own object, lent to nobody now
    return reader.error;
}
