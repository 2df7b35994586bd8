// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// blocks.c - the contents of a file in memory, see ram.h.
//
//   height 2:  root -> [index block] -> [index block] -> [4096 bytes]
//
// The tree grows at the root, when a write needs it, and goes with the last block. buffer may lie in the shared heap,
// where its owner can change it: each byte is moved once, and nothing is decided by it.
// Invariant: a block is whole before it is tied in, and nothing leads to it before it is freed.
#include "copy.h"
#include "ram.h"
#include "string.h"

static uint64_t span(uint32_t height) { return (uint64_t)1 << (FAN_OUT_LOG * height); } // data blocks under one root
static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

static char *block_find(const struct ram_contents *contents, uint64_t block) {
    uint32_t height = tree_height(contents);
    void *at = block < span(height) ? tree_root(contents) : NULL;
    for (; height && at; height--)
        at = ((void **)at)[(block >> (FAN_OUT_LOG * (height - 1))) % FAN_OUT];
    return at;
}

static void **index_new(struct heap *heap, struct ram_contents *contents) {
    void **at = heap_zalloc_in(heap, BLOCK_BYTES);
    contents->blocks += at != NULL;
    return at;
}

static void root_set(struct ram_contents *contents, void **root, uint32_t height) {
    persist_barrier();
    contents->tree = (char *)root + height;
}

// Where the data block is tied in, below index blocks that are made when they are missing. NULL: no room.
static void **link_make(struct heap *heap, struct ram_contents *contents, uint64_t block) {
    uint32_t height = tree_height(contents);
    void **at = tree_root(contents);
    for (; block >= span(height); height++) {
        if (!at)
            continue;
        void **above = index_new(heap, contents);
        if (!above)
            return NULL;
        above[0] = at;
        root_set(contents, above, height + 1);
        at = above;
    }
    if (height == 0)
        return &contents->tree;
    if (!at) {
        at = index_new(heap, contents);
        if (!at)
            return NULL;
        root_set(contents, at, height);
    }
    for (; height > 1; height--) {
        void **link = &at[(block >> (FAN_OUT_LOG * (height - 1))) % FAN_OUT];
        if (!*link) {
            void **below = index_new(heap, contents);
            if (!below)
                return NULL;
            persist_barrier();
            *link = below;
        }
        at = *link;
    }
    return &at[block % FAN_OUT];
}

// Writes part of one block. False: no room.
static bool block_write(struct heap *heap, struct ram_contents *contents, uint64_t offset, const void *buffer,
                        size_t part) {
    size_t inside = offset % BLOCK_BYTES;
    void **link = link_make(heap, contents, offset / BLOCK_BYTES);
    char *block = link ? *link : NULL;
    if (block) {
        copy_data(block + inside, buffer, part);
        return true;
    }
    if (link)
        block = part < BLOCK_BYTES ? heap_zalloc_in(heap, BLOCK_BYTES) : heap_alloc_in(heap, BLOCK_BYTES);
    if (!block)
        return false;
    copy_data(block + inside, buffer, part);
    persist_barrier();
    *link = block;
    contents->blocks++;
    return true;
}

// Frees the data blocks from first on, counted from the start of this subtree, and index blocks that become empty.
// True: nothing is left below at, which is the caller's to untie and free.
static bool subtree_cut(struct heap *heap, struct ram_contents *contents, void **at, uint32_t height, uint64_t first) {
    if (!height)
        return first == 0;
    bool is_empty = true;
    for (uint64_t i = 0; i < FAN_OUT; i++) {
        void *child = at[i];
        uint64_t start = i * span(height - 1);
        if (child && first < start + span(height - 1) &&
            subtree_cut(heap, contents, child, height - 1, first > start ? first - start : 0)) {
            at[i] = NULL;
            persist_barrier();
            heap_free_in(heap, child);
            contents->blocks--;
        }
        is_empty = is_empty && !at[i];
    }
    return is_empty;
}

static void cut(struct heap *heap, struct ram_contents *contents, uint64_t bytes) {
    uint64_t first = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    uint32_t height = tree_height(contents);
    void **root = tree_root(contents);
    if (root && first < span(height) && subtree_cut(heap, contents, root, height, first)) {
        contents->tree = NULL;
        persist_barrier();
        heap_free_in(heap, root);
        contents->blocks--;
    }
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
            copy_data((char *)buffer + done, block + inside, part);
        else
            memset((char *)buffer + done, 0, part);
    }
    return bytes;
}

int64_t contents_write(struct heap *heap, struct ram_contents *contents, uint64_t offset, const void *buffer,
                       size_t bytes) {
    size_t done = 0;
    for (size_t part; done < bytes; done += part) {
        part = smaller(bytes - done, BLOCK_BYTES - (offset + done) % BLOCK_BYTES);
        if (!block_write(heap, contents, offset + done, (const char *)buffer + done, part))
            break;
    }
    persist_barrier();
    if (done && offset + done > contents->bytes)
        contents->bytes = offset + done; // the commit point of what lies beyond the old end
    if (done < bytes)
        cut(heap, contents, contents->bytes); // index blocks that were made for nothing
    return done || !bytes ? (int64_t)done : -ENOSPC;
}

void contents_trim(struct heap *heap, struct ram_contents *contents) {
    size_t inside = contents->bytes % BLOCK_BYTES;
    cut(heap, contents, contents->bytes);
    char *last = inside ? block_find(contents, contents->bytes / BLOCK_BYTES) : NULL;
    if (last)
        memset(last + inside, 0, BLOCK_BYTES - inside);
}

void contents_resize(struct heap *heap, struct ram_contents *contents, uint64_t bytes) {
    bool is_shrinking = bytes < contents->bytes;
    contents->bytes = bytes; // the commit point
    persist_barrier();
    if (is_shrinking)
        contents_trim(heap, contents);
}
