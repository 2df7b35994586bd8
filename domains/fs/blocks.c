// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// blocks.c - the contents of a file in memory, see ram.h.
//
//   height 2:  root -> [index block] -> [index block] -> [4096 bytes]
//
// The tree grows at the root, when a write needs it, and goes with the last block. buffer may lie in the shared heap, where its
// owner can change it: each byte is moved once, and nothing is decided by it.
#include "ram.h"
#include "string.h"

static uint64_t span(uint32_t height) { return (uint64_t)1 << (FAN_OUT_LOG * height); } // data blocks under one root
static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

static char *block_find(const struct ram_contents *contents, uint64_t block) {
    void *at = block < span(contents->height) ? contents->root : NULL;
    for (uint32_t height = contents->height; height && at; height--)
        at = ((void **)at)[(block >> (FAN_OUT_LOG * (height - 1))) % FAN_OUT];
    return at;
}

static void *block_new(struct ram_memory *memory, struct ram_contents *contents, bool zero) {
    void *at = zero ? ram_zalloc(memory, BLOCK_BYTES) : ram_alloc(memory, BLOCK_BYTES);
    contents->blocks += at != NULL;
    return at;
}

// The data block, made when it is missing; its contents are unspecified when it is new and zero is false. NULL: no room.
static char *block_make(struct ram_memory *memory, struct ram_contents *contents, uint64_t block, bool zero) {
    for (; block >= span(contents->height); contents->height++) {
        if (!contents->root)
            continue;
        void **above = block_new(memory, contents, true);
        if (!above)
            return NULL;
        above[0] = contents->root;
        contents->root = above;
    }
    void **link = &contents->root;
    for (uint32_t height = contents->height; height; height--) {
        if (!*link && !(*link = block_new(memory, contents, true)))
            return NULL;
        link = &((void **)*link)[(block >> (FAN_OUT_LOG * (height - 1))) % FAN_OUT];
    }
    if (!*link)
        *link = block_new(memory, contents, zero);
    return *link;
}

// Frees the data blocks from first on, counted from the start of this subtree, and index blocks that become empty.
static void subtree_cut(struct ram_memory *memory, struct ram_contents *contents, void **link, uint32_t height, uint64_t first) {
    bool is_empty = height > 0 || first == 0;
    if (!*link || first >= span(height))
        return;
    for (uint64_t i = 0; height && i < FAN_OUT; i++) {
        void **child = &((void **)*link)[i];
        uint64_t start = i * span(height - 1);
        subtree_cut(memory, contents, child, height - 1, first > start ? first - start : 0);
        is_empty = is_empty && !*child;
    }
    if (is_empty) {
        ram_free(memory, *link, BLOCK_BYTES);
        contents->blocks--;
        *link = NULL;
    }
}

static void cut(struct ram_memory *memory, struct ram_contents *contents, uint64_t bytes) {
    subtree_cut(memory, contents, &contents->root, contents->height, (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
    if (!contents->root)
        contents->height = 0;
}

size_t contents_read(const struct ram_contents *contents, uint64_t offset, void *buffer, size_t bytes) {
    if (offset >= contents->bytes)
        return 0;
    bytes = smaller(bytes, contents->bytes - offset);
    for (size_t done = 0, part; done < bytes; done += part) {
        size_t inside = (offset + done) % BLOCK_BYTES;
        part = smaller(bytes - done, BLOCK_BYTES - inside);
        const char *block = block_find(contents, (offset + done) / BLOCK_BYTES);
        if (block)
            memcpy((char *)buffer + done, block + inside, part);
        else
            memset((char *)buffer + done, 0, part);
    }
    return bytes;
}

int64_t contents_write(struct ram_memory *memory, struct ram_contents *contents, uint64_t offset, const void *buffer, size_t bytes) {
    size_t done = 0;
    for (size_t part; done < bytes; done += part) {
        size_t inside = (offset + done) % BLOCK_BYTES;
        part = smaller(bytes - done, BLOCK_BYTES - inside);
        char *block = block_make(memory, contents, (offset + done) / BLOCK_BYTES, part < BLOCK_BYTES);
        if (!block)
            break;
        memcpy(block + inside, (const char *)buffer + done, part);
    }
    if (done && offset + done > contents->bytes)
        contents->bytes = offset + done;
    if (done < bytes)
        cut(memory, contents, contents->bytes); // index blocks that were made for nothing
    return done || !bytes ? (int64_t)done : -ENOSPC;
}

void contents_resize(struct ram_memory *memory, struct ram_contents *contents, uint64_t bytes) {
    if (bytes < contents->bytes) {
        cut(memory, contents, bytes);
        char *last = bytes % BLOCK_BYTES ? block_find(contents, bytes / BLOCK_BYTES) : NULL;
        if (last)
            memset(last + bytes % BLOCK_BYTES, 0, BLOCK_BYTES - bytes % BLOCK_BYTES);
    }
    contents->bytes = bytes;
}
