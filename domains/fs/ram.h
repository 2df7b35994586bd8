// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// ram.h - the file system in memory, private to fs.
//
//   ram.c        struct fs_operations, nodes         directory.c  names and slots         blocks.c  contents of files
//   keep.c       the files again, after a restart
//
//   kept.root -> node -> slots -> entry (a name) -> node -> ... -> tree -> index block -> block
//
// All of this lies in one heap over persistent memory, which is the limit for files, names and directories together.
// The table that finds names, and every count, can be made again from it, and keep.c does; struct ram itself is
// ordinary data.
// Invariants: whatever fails for want of memory has changed nothing before. Whatever is stopped in the middle leaves
// the files as they were before or as they would be after (a write: each block of it): each operation has one store,
// marked as its commit point, that decides; what is made ready before it, or is cleared away behind it, hangs from
// nothing, and keep.c frees it.
// It keeps no owner, permission or link count: a node has one name or none.
#ifndef FS_RAM_H
#define FS_RAM_H

#include "heap.h"
#include "persist.h"
#include "vfs.h"

#define BLOCK_BYTES 4096
#define FAN_OUT 512              // pointers in an index block
#define FAN_OUT_LOG 9
#define HEIGHT_MAX 3             // 512 ^ 3 blocks: FS_FILE_BYTES_MAX

// A file's contents: a tree of index blocks over the data blocks. A missing branch is zeros.
struct ram_contents {
    void *tree;                  // root block + height, in one word that one store changes; NULL: no block
    uint64_t bytes;              // the length; blocks beyond it do not exist, and the last one is zero beyond it
    uint64_t blocks;             // derived: how many, of both kinds
};
#define TREE_HEIGHT 15u          // the bits of tree that are height: it covers FAN_OUT ^ height blocks

static inline uint32_t tree_height(const struct ram_contents *contents) {
    return (uintptr_t)contents->tree & TREE_HEIGHT;
}
static inline void **tree_root(const struct ram_contents *contents) {
    return (void **)((uintptr_t)contents->tree & ~(uintptr_t)TREE_HEIGHT);
}

// A directory's entries: slots stay where they are, so that a slot number is a cursor.
struct ram_entries {
    struct ram_entry **slots;    // room of them, the first used may be taken; NULL: free. With used 0 it means nothing
    uint32_t used;
    uint32_t room, count;        // derived
    uint32_t first_free;         // derived: no free slot lies before it
};

struct ram_node {
    struct fs_node node;         // first; all but type is derived
    struct ram_entry *entry;     // derived: its name; NULL: none (any more), and the root's
    uint64_t number, modified_ns;
    union {
        struct ram_contents contents;
        struct ram_entries entries;
    };
};

struct ram_entry {
    struct ram_node *node;
    struct ram_node *directory;  // derived, down to name_bytes: whose slot it is in
    struct ram_entry *hash_next;
    uint32_t hash, slot;
    uint32_t name_bytes;
    char name[];                 // name_bytes and a NUL
};

struct ram_kept {                // what a restart finds the files by; persistent as the region of the heap
    uint64_t layout;             // RAM_LAYOUT while the rest is valid
    uint64_t attempts;           // at finding the files, since the last one that came to its end
    struct ram_node *root;
    struct ram_entry *leaving;   // a rename is under way: this name goes once its node has another one
    uint64_t last_number;
};
#define RAM_LAYOUT 0x31736d6172666b63u
#define RAM_ATTEMPTS_MAX 3

struct ram_memory {              // both persistent
    void *region;
    size_t bytes;
    uint64_t *map;               // HEAP_MAP_WORDS(bytes), for ram_reopen
};

struct ram {
    struct fs_mount mount;       // first
    struct ram_kept *kept;
    struct heap heap;
    struct ram_entry **buckets;  // (directory, name) -> entry, chained; in the heap
    uint32_t bucket_count;       // power of two
    uint32_t named;              // entries in it
    uint64_t nodes;
    uint64_t seed[2];            // of the hash of names
};

// ram.c: an empty file system, ready to be mounted. -ENOMEM: the region is too small. close: ends everything, held or
// not.
int ram_open(struct ram *ram, struct ram_kept *kept, const struct ram_memory *memory, const uint64_t seed[2]);
void ram_close(struct ram *ram);
static inline struct ram *ram_of(const struct fs_node *node) { return (struct ram *)node->mount; }
static inline struct ram_node *ram_node(struct fs_node *node) { return (struct ram_node *)node; }
extern const struct fs_operations ram_operations;

struct ram_evidence {            // where something is inconsistent
    uint64_t number;             // of the file or directory that was looked at last; 0: none
    size_t offset;               // of what was looked at last, in the region
};

// keep.c: instead of ram_open, the file system as it was, checked. No node is held. NULL, or why it is not to be had:
// then all of *ram is to be made by ram_open, and *evidence says where. Takes time in proportion to the memory that the
// files take, whatever the memory holds.
const char *ram_reopen(struct ram *ram, struct ram_kept *kept, const struct ram_memory *memory, const uint64_t seed[2],
                       struct ram_evidence *evidence);

// directory.c
int directory_open(struct ram *ram, uint32_t names_wanted); // the table of names, for about as many. -ENOMEM
void directory_close(struct ram *ram);
struct ram_entry *directory_find(const struct ram *ram, const struct ram_node *directory, const char *name,
                                 size_t bytes);
int directory_add(struct ram *ram, struct ram_node *directory, struct ram_node *node, const char *name,
                  size_t bytes); // -ENOSPC
void directory_remove(struct ram *ram, struct ram_node *node);
int directory_move(struct ram *ram, struct ram_node *node, struct ram_node *directory, const char *name,
                   size_t bytes); // -ENOSPC
void directory_replace(struct ram *ram, struct ram_node *node, struct ram_node *replaced);
void directory_trim(struct ram *ram, struct ram_node *directory); // no free slots at the end, no slots without an entry
void table_insert(struct ram *ram, struct ram_entry *entry);

// blocks.c
size_t contents_read(const struct ram_contents *contents, uint64_t offset, void *buffer, size_t bytes);
int64_t contents_write(struct heap *heap, struct ram_contents *contents, uint64_t offset, const void *buffer,
                       size_t bytes);
void contents_resize(struct heap *heap, struct ram_contents *contents, uint64_t bytes);
void contents_trim(struct heap *heap, struct ram_contents *contents); // nothing is left beyond the length

#endif
