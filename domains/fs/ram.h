// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// ram.h - the file system in memory, private to fs.
//
//   ram.c        struct fs_operations, nodes         directory.c  names and slots         blocks.c  contents of files
//
// All memory comes from the private heap through ram_alloc, which counts it against the limit, so that a full file system
// leaves the rest of a shared domain alone. Invariant: whatever fails for want of memory has changed nothing before.
// It keeps no owner, permission or link count: a node has one name or none.
#ifndef FS_RAM_H
#define FS_RAM_H

#include "alloc.h"
#include "vfs.h"

#define BLOCK_BYTES 4096
#define FAN_OUT 512              // pointers in an index block
#define FAN_OUT_LOG 9
#define HEIGHT_MAX 3             // 512 ^ 3 blocks: FS_FILE_BYTES_MAX
#define HEAP_HEADER_BYTES 16     // what the heap adds to each block

struct ram_memory {
    size_t used_bytes, limit_bytes;
};

static inline size_t ram_cost(size_t bytes) { return bytes + HEAP_HEADER_BYTES; }

static inline void *ram_alloc(struct ram_memory *memory, size_t bytes) {
    if (ram_cost(bytes) > memory->limit_bytes - memory->used_bytes)
        return NULL;
    void *address = heap_alloc(bytes);
    if (address)
        memory->used_bytes += ram_cost(bytes);
    return address;
}

static inline void *ram_zalloc(struct ram_memory *memory, size_t bytes) {
    void *address = ram_alloc(memory, bytes);
    return address ? __builtin_memset(address, 0, bytes) : NULL;
}

static inline void ram_free(struct ram_memory *memory, void *address, size_t bytes) { // bytes as they were asked for
    if (!address)
        return;
    memory->used_bytes -= ram_cost(bytes);
    heap_free(address);
}

// A file's contents: a tree of height levels of index blocks over the data blocks. A missing branch is zeros.
struct ram_contents {
    void *root;                  // height 0: the only data block
    uint32_t height;             // covers FAN_OUT ^ height blocks
    uint64_t bytes;              // the length; blocks beyond it do not exist, and the last one is zero beyond it
    uint64_t blocks;             // of both kinds
};

// A directory's entries: slots stay where they are, so that a slot number is a cursor.
struct ram_entries {
    struct ram_node **slots;     // room of them, the first used may be taken; NULL: free
    uint32_t room, used, count;
    uint32_t first_free;         // no free slot lies before it
};

struct ram_node {
    struct fs_node node;         // first
    struct ram_node *parent;     // whose slot it is in; NULL: no name (any more). The root's is the root
    struct ram_node *hash_next;
    uint32_t hash, slot;
    char *name;                  // name_bytes and a NUL
    uint32_t name_bytes;
    uint64_t number, modified_ns;
    union {
        struct ram_contents contents;
        struct ram_entries entries;
    };
};

struct ram {
    struct fs_mount mount;       // first
    struct ram_memory memory;
    struct ram_node **buckets;   // (parent, name) -> node, chained
    uint32_t bucket_count;       // power of two
    uint32_t named;              // nodes in it
    uint64_t nodes, last_number;
    uint64_t seed[2];            // of the hash of names
};

// ram.c: an empty file system, ready to be mounted. -ENOMEM. close: ends everything, held or not.
int ram_open(struct ram *ram, size_t limit_bytes, uint64_t seed0, uint64_t seed1);
void ram_close(struct ram *ram);
static inline struct ram *ram_of(const struct fs_node *node) { return (struct ram *)node->mount; }

// directory.c
int directory_open(struct ram *ram);      // the table of names. -ENOMEM
void directory_close(struct ram *ram);
struct ram_node *directory_find(const struct ram *ram, const struct ram_node *directory, const char *name, size_t bytes);
int directory_add(struct ram *ram, struct ram_node *directory, struct ram_node *node, const char *name, size_t bytes); // -ENOSPC
void directory_remove(struct ram *ram, struct ram_node *node);
int directory_move(struct ram *ram, struct ram_node *node, struct ram_node *directory, const char *name, size_t bytes); // -ENOSPC
void directory_replace(struct ram *ram, struct ram_node *node, struct ram_node *replaced);

// blocks.c
size_t contents_read(const struct ram_contents *contents, uint64_t offset, void *buffer, size_t bytes);
int64_t contents_write(struct ram_memory *memory, struct ram_contents *contents, uint64_t offset, const void *buffer, size_t bytes);
void contents_resize(struct ram_memory *memory, struct ram_contents *contents, uint64_t bytes);

#endif
