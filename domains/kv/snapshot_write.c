// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// snapshot_write.c - the store into a file; see snapshot.h.
//
// Records are gathered in one shared-heap object of FS_IO_MAX bytes, which fs takes without a copy in between. Everybody can
// write there: the checksum is that of the private bytes, so that a change on the way is found when the file is read.
#include "checksum.h"
#include "copy.h"
#include "record.h"
#include "string.h"
#include "walk.h"
#include "xheap.h"

struct writer {
    fs_file_t file;
    char *buffer;              // shared heap
    size_t used;
    uint64_t bytes, checksum;
    int error;                 // the first; nothing is written any more
};

static void flush(struct writer *writer) {
    for (size_t done = 0; done < writer->used && !writer->error;) {
        int64_t result = fs_write(writer->file, writer->buffer + done, writer->used - done);
        if (result < 0)
            writer->error = (int)result;
        else if (result == 0 || (uint64_t)result > writer->used - done) // a lie: fs.h promises neither
            writer->error = -EIO;
        else
            done += (size_t)result;
    }
    writer->used = 0;
}

static void put(struct writer *writer, const void *data, size_t bytes) {
    const char *from = data;
    writer->bytes += bytes;
    writer->checksum = checksum_add(writer->checksum, data, bytes);
    while (bytes && !writer->error) {
        size_t room = FS_IO_MAX - writer->used, part = bytes < room ? bytes : room;
        copy_data(writer->buffer + writer->used, from, part);
        writer->used += part;
        from += part;
        bytes -= part;
        if (writer->used == FS_IO_MAX)
            flush(writer);
    }
}

// The payload follows. It fits 32 bits: no request is that long (resp.h).
static void put_record(struct writer *writer, enum record_kind kind, enum type type, size_t payload_bytes) {
    struct record record = {.kind = (uint8_t)kind, .type = (uint8_t)type, .bytes = (uint32_t)payload_bytes};
    put(writer, &record, sizeof(record));
}

static void put_element(struct writer *writer, enum type type, const struct element *element) {
    uint32_t name_bytes = (uint32_t)element->name_bytes;
    size_t score_bytes = type == TYPE_ZSET ? sizeof(element->score) : 0;
    size_t length_bytes = type == TYPE_HASH ? sizeof(name_bytes) : 0;
    size_t value_bytes = type == TYPE_HASH ? element->value_bytes : 0;
    put_record(writer, RECORD_ELEMENT, 0, score_bytes + length_bytes + name_bytes + value_bytes);
    put(writer, &element->score, score_bytes);
    put(writer, &name_bytes, length_bytes);
    put(writer, element->name, name_bytes);
    put(writer, element->value, value_bytes);
}

static void put_key(struct writer *writer, struct dict_entry *entry) {
    enum type type = entry->type;
    struct record_key key = {entry->expires_ms, type == TYPE_STRING ? 1 : store_length(entry)};
    put_record(writer, RECORD_KEY, type, sizeof(key) + entry->key_bytes);
    put(writer, &key, sizeof(key));
    put(writer, entry->bytes, entry->key_bytes);
    if (type == TYPE_STREAM) {
        const struct stream *stream = store_object(entry);
        struct stream_id last = {stream->last_ms, stream->last_sequence};
        put_record(writer, RECORD_LAST, 0, sizeof(last));
        put(writer, &last, sizeof(last));
    }
    struct walk walk;
    struct element element;
    walk_open(&walk, entry);
    while (!writer->error && walk_next(&walk, &element))
        put_element(writer, type, &element);
}

int snapshot_write(const struct store *store, fs_file_t file, struct snapshot *snapshot) {
    const struct record_start start = {RECORD_MAGIC, RECORD_VERSION, 0};
    struct writer writer = {.file = file, .buffer = xheap_alloc(FS_IO_MAX)};
    int64_t now_ms = store_now_ms();
    size_t place = 0;
    *snapshot = (struct snapshot){0};
    if (!writer.buffer)
        return -ENOMEM;
    put(&writer, &start, sizeof(start));
    for (struct dict_entry *entry = NULL; !writer.error && (entry = dict_next(&store->keys, &place, entry));)
        if (!store_is_over(entry, now_ms)) {
            put_key(&writer, entry);
            snapshot->keys++;
        }
    put_record(&writer, RECORD_END, 0, sizeof(struct record_end));
    put(&writer, &snapshot->keys, sizeof(snapshot->keys));
    uint64_t checksum = writer.checksum;
    put(&writer, &checksum, sizeof(checksum));
    flush(&writer);
    snapshot->bytes = writer.bytes;
    int result = xheap_free(writer.buffer);
    (void)result; // our own object, lent to nobody now
    return writer.error;
}
