// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// ram.c - the operations of the file system in memory, see ram.h. keep.c opens one again after a restart.
#include "clock.h"
#include "invariant.h"
#include "ram.h"
#include "string.h"

static struct ram_node *node_new(struct ram *ram, uint32_t type) {
    struct ram_node *node = heap_zalloc_in(&ram->heap, sizeof(*node));
    if (!node)
        return NULL;
    node->node = (struct fs_node){.mount = &ram->mount, .type = type};
    node->number = ++ram->kept->last_number;
    node->modified_ns = time_wall_ns();
    ram->nodes++;
    return node;
}

static void node_free(struct ram *ram, struct ram_node *node) {
    if (node->node.type == FS_TYPE_FILE)
        contents_resize(&ram->heap, &node->contents, 0);
    heap_free_in(&ram->heap, node);
    ram->nodes--;
}

static void touch(struct ram_node *node) { node->modified_ns = time_wall_ns(); }

static int ram_lookup(struct fs_node *directory, const char *name, size_t bytes, struct fs_node **out) {
    struct ram_entry *found = directory_find(ram_of(directory), ram_node(directory), name, bytes);
    if (!found)
        return -ENOENT;
    *out = &found->node->node;
    node_hold(*out);
    return 0;
}

static void ram_parent(struct fs_node *directory, struct fs_node **out) {
    invariant(ram_node(directory)->entry);
    *out = &ram_node(directory)->entry->directory->node;
    node_hold(*out);
}

static int ram_create(struct fs_node *directory, const char *name, size_t bytes, uint32_t type, struct fs_node **out) {
    struct ram *ram = ram_of(directory);
    struct ram_node *node = node_new(ram, type);
    if (!node)
        return -ENOSPC;
    int result = directory_add(ram, ram_node(directory), node, name, bytes);
    if (result < 0) {
        node_free(ram, node);
        return result;
    }
    touch(ram_node(directory));
    *out = &node->node;
    node_hold(*out);
    return 0;
}

static bool has_entries(struct ram_node *node) {
    return node->node.type == FS_TYPE_DIRECTORY && node->entries.count > 0;
}

static int ram_remove(struct fs_node *node) {
    if (has_entries(ram_node(node)))
        return -ENOTEMPTY;
    touch(ram_node(node)->entry->directory);
    directory_remove(ram_of(node), ram_node(node));
    return 0;
}

static int ram_rename(struct fs_node *node, struct fs_node *directory, const char *name, size_t bytes,
                      struct fs_node *replaced) {
    if (replaced && has_entries(ram_node(replaced)))
        return -ENOTEMPTY;
    struct ram_node *old_parent = ram_node(node)->entry->directory;
    if (replaced) {
        directory_replace(ram_of(node), ram_node(node), ram_node(replaced));
    } else {
        int result = directory_move(ram_of(node), ram_node(node), ram_node(directory), name, bytes);
        if (result < 0)
            return result;
    }
    touch(old_parent);
    touch(ram_node(directory));
    return 0;
}

static int64_t ram_read(struct fs_node *file, uint64_t offset, void *buffer, size_t bytes) {
    return (int64_t)contents_read(&ram_node(file)->contents, offset, buffer, bytes);
}

static int64_t ram_write(struct fs_node *file, uint64_t offset, const void *buffer, size_t bytes) {
    int64_t written = contents_write(&ram_of(file)->heap, &ram_node(file)->contents, offset, buffer, bytes);
    if (written > 0)
        touch(ram_node(file));
    return written;
}

static int ram_truncate(struct fs_node *file, uint64_t bytes) {
    contents_resize(&ram_of(file)->heap, &ram_node(file)->contents, bytes);
    touch(ram_node(file));
    return 0;
}

static int ram_sync(struct fs_node *node) {
    (void)node; // memory is all there is
    return 0;
}

static int ram_next(struct fs_node *directory, uint64_t cursor, struct fs_entry *entry) {
    const struct ram_entries *entries = &ram_node(directory)->entries;
    while (cursor < entries->used && !entries->slots[cursor])
        cursor++;
    if (cursor >= entries->used)
        return 0;
    const struct ram_entry *found = entries->slots[cursor];
    entry->cursor = cursor + 1;
    entry->number = found->node->number;
    entry->type = found->node->node.type;
    entry->name_bytes = found->name_bytes;
    memcpy(entry->name, found->name, found->name_bytes);
    return 1;
}

static void ram_stat(struct fs_node *node, struct fs_stat *out) {
    const struct ram_node *from = ram_node(node);
    bool is_file = node->type == FS_TYPE_FILE;
    out->type = node->type;
    out->number = from->number;
    out->modified_ns = from->modified_ns;
    out->bytes = is_file ? from->contents.bytes : from->entries.count;
    out->allocated_bytes =
        is_file ? from->contents.blocks * BLOCK_BYTES : from->entries.room * sizeof(from->entries.slots[0]);
}

static void ram_release(struct fs_node *node) {
    if (!ram_node(node)->entry && node != node->mount->root)
        node_free(ram_of(node), ram_node(node));
}

const struct fs_operations ram_operations = {
    .lookup = ram_lookup, .parent = ram_parent, .create = ram_create, .remove = ram_remove, .rename = ram_rename,
    .read = ram_read, .write = ram_write, .truncate = ram_truncate, .sync = ram_sync, .next = ram_next,
    .stat = ram_stat, .release = ram_release,
};

int ram_open(struct ram *ram, struct ram_kept *kept, const struct ram_memory *memory, const uint64_t seed[2]) {
    *ram = (struct ram){.mount.operations = &ram_operations, .kept = kept, .seed = {seed[0], seed[1]}};
    kept->layout = 0; // what lies there is nobody's any more
    persist_barrier();
    kept->leaving = NULL;
    kept->last_number = 0;
    kept->attempts = 0;
    heap_open(&ram->heap, memory->region, memory->bytes);
    int result = directory_open(ram, 0);
    if (result < 0)
        return result;
    struct ram_node *root = node_new(ram, FS_TYPE_DIRECTORY);
    if (!root) {
        directory_close(ram);
        return -ENOMEM;
    }
    ram->mount.root = &root->node;
    kept->root = root;
    persist_barrier();
    kept->layout = RAM_LAYOUT; // the commit point
    return 0;
}

// The last entry of the deepest directory goes first, so that no depth needs a deep stack.
void ram_close(struct ram *ram) {
    struct ram_node *root = ram_node(ram->mount.root), *at = root;
    for (;;) {
        if (has_entries(at)) {
            at = at->entries.slots[at->entries.used - 1]->node;
            continue;
        }
        if (at == root)
            break;
        struct ram_node *parent = at->entry->directory;
        directory_remove(ram, at);
        node_free(ram, at);
        at = parent;
    }
    node_free(ram, root);
    directory_close(ram);
    ram->kept->layout = 0;
}
