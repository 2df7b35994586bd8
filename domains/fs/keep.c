// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// keep.c - the file system in memory again, after a restart; see ram.h and core/include/persist.h.
//
//   1. find    from kept.root down: each block is kept once (heap_keep), each pointer, length, type and name is checked
//              before it is followed, and what can be derived is written anew: back pointers, counts, holders (none)
//   2. sweep   the heap frees what was not found: blocks of interrupted operations, files that only a handle held
//   3. settle  the table of names is made; what lies beyond the ends of files and of slots goes
//
// The generation before may have crashed anywhere, or may have been made to write anything. Whatever it left, each step
// ends: a block is found once or everything is refused, so the work is bounded by the region. A tree has each node
// once, so there is no cycle.
// This may be stopped as well: what is not derived is not written, not even with its own value, until all is found.
// What an attacker could try: names that collide in the table; its seed is new. Two equal names; found in step 3.
// Crashing this code each time; after RAM_ATTEMPTS_MAX attempts it is not tried again.
// What is checked is the form. Bytes inside a file's blocks are not: there is no checksum (CAVEATS.md).
#include "ram.h"
#include "string.h"

#define LOAD_CHECKED_MAX 64      // names per bucket up to which equal names are looked for: more would take too long

struct keep {
    struct ram *ram;
    struct heap_salvage salvage;
    const char *why;             // what is inconsistent
    const char *region;
    struct ram_evidence *evidence;
    uint32_t names;
    struct ram_node *leaving_directory; // where the name that is leaving was met, and in which slot
    uint32_t leaving_slot;
    struct ram_entry *gone;      // it, when it does not count any more: to be freed
};

static bool refuse(struct keep *keep, const char *why) {
    keep->why = why;
    return false;
}

// What is looked at from here on, and lies in the region.
static void look_at(struct keep *keep, const void *at) {
    keep->evidence->offset = (size_t)((const char *)at - keep->region);
}

static bool subtree_keep(struct keep *keep, struct ram_contents *contents, void **at, uint32_t height) {
    if (!heap_keep(&keep->salvage, at, BLOCK_BYTES))
        return refuse(keep, "a block of a file is none, or is used twice");
    contents->blocks++;
    for (uint32_t i = 0; height && i < FAN_OUT; i++)
        if (at[i] && !subtree_keep(keep, contents, at[i], height - 1))
            return false;
    return true;
}

static bool contents_keep(struct keep *keep, struct ram_contents *contents) {
    if (contents->bytes > FS_FILE_BYTES_MAX || tree_height(contents) > HEIGHT_MAX)
        return refuse(keep, "a file is larger than files can be");
    contents->blocks = 0;
    return !contents->tree || subtree_keep(keep, contents, tree_root(contents), tree_height(contents));
}

static bool entries_keep(struct keep *keep, struct ram_entries *entries) {
    size_t bytes =
        entries->used ? heap_keep(&keep->salvage, entries->slots, entries->used * sizeof(*entries->slots)) : 0;
    if (entries->used && !bytes)
        return refuse(keep, "the slots of a directory are no such block");
    if (!entries->used)
        entries->slots = NULL;
    entries->room = (uint32_t)(bytes / sizeof(*entries->slots));
    entries->count = 0;
    entries->first_free = entries->used;
    return true;
}

static bool node_keep(struct keep *keep, struct ram_node *node, struct ram_entry *entry) {
    if (!heap_keep(&keep->salvage, node, sizeof(*node)))
        return refuse(keep, "a file or directory is none, or has two names");
    look_at(keep, node);
    keep->evidence->number = node->number;
    if (node->number == 0 || node->number > keep->ram->kept->last_number)
        return refuse(keep, "the number of a file or directory was never given");
    node->node.mount = &keep->ram->mount;
    node->node.references = 0;
    node->entry = entry;
    keep->ram->nodes++;
    if (node->node.type == FS_TYPE_FILE)
        return contents_keep(keep, &node->contents);
    if (node->node.type == FS_TYPE_DIRECTORY)
        return entries_keep(keep, &node->entries);
    return refuse(keep, "something is neither file nor directory");
}

static bool name_is_good(const char *name, uint32_t bytes) {
    bool is_dots = name[0] == '.' && (bytes == 1 || (bytes == 2 && name[1] == '.'));
    return bytes && !is_dots && !memchr(name, '/', bytes) && !memchr(name, 0, bytes);
}

static bool entry_keep(struct keep *keep, struct ram_node *directory, uint32_t slot) {
    struct ram_entry *entry = directory->entries.slots[slot];
    size_t room = heap_keep(&keep->salvage, entry, sizeof(*entry) + 2);
    look_at(keep, room ? (const void *)entry : directory);
    keep->evidence->number = directory->number;
    if (!room || entry->name_bytes > FS_NAME_MAX || sizeof(*entry) + entry->name_bytes + 1 > room ||
        !name_is_good(entry->name, entry->name_bytes))
        return refuse(keep, "a name is none, or is used twice");
    entry->name[entry->name_bytes] = 0;
    entry->directory = directory;
    entry->slot = slot;
    return true;
}

static bool entry_follow(struct keep *keep, struct ram_entry *entry) {
    if (!node_keep(keep, entry->node, entry))
        return false;
    entry->directory->entries.count++;
    keep->names++;
    return true;
}

static void slot_is_free(struct ram_node *directory, uint32_t slot) {
    if (slot < directory->entries.first_free)
        directory->entries.first_free = slot;
}

// One slot. False: refused. *below becomes the directory that it leads to, or NULL.
static bool slot_find(struct keep *keep, struct ram_node *directory, uint32_t slot, struct ram_node **below) {
    struct ram_entry *entry = directory->entries.slots[slot];
    *below = NULL;
    if (!entry) {
        slot_is_free(directory, slot);
    } else if (entry == keep->ram->kept->leaving) { // the last to be asked
        if (keep->leaving_directory)
            return refuse(keep, "a name is in two places");
        keep->leaving_directory = directory;
        keep->leaving_slot = slot;
    } else {
        if (!entry_keep(keep, directory, slot) || !entry_follow(keep, entry))
            return false;
        *below = entry->node->node.type == FS_TYPE_DIRECTORY ? entry->node : NULL;
    }
    return true;
}

// Everything below top, which is kept. What is kept has right back pointers, so that no depth needs a deep stack.
static bool tree_find(struct keep *keep, struct ram_node *top) {
    struct ram_node *at = top, *below;
    for (uint32_t slot = 0;;) {
        if (slot < at->entries.used) {
            if (!slot_find(keep, at, slot++, &below))
                return false;
            if (below) {
                at = below;
                slot = 0;
            }
        } else if (at == top) {
            return true;
        } else {
            slot = at->entry->slot + 1;
            at = at->entry->directory;
        }
    }
}

// A rename was under way: its old name counts when the new one does not lead to the node yet.
static bool leaving_find(struct keep *keep) {
    struct ram_node *directory = keep->leaving_directory;
    uint32_t slot = keep->leaving_slot;
    if (!directory)
        return true;
    struct ram_entry *entry = directory->entries.slots[slot];
    if (!entry_keep(keep, directory, slot))
        return false;
    if (heap_is_kept(&keep->salvage, entry->node)) {
        directory->entries.slots[slot] = NULL;
        slot_is_free(directory, slot);
        keep->gone = entry;
        return true;
    }
    return entry_follow(keep, entry) && (entry->node->node.type == FS_TYPE_FILE || tree_find(keep, entry->node));
}

// The heap is open: a slot without an entry costs nothing, and all others are right.
static bool tree_settle(struct keep *keep, struct ram_node *root) {
    struct ram *ram = keep->ram;
    bool is_checked = keep->names / ram->bucket_count <= LOAD_CHECKED_MAX;
    struct ram_node *at = root;
    directory_trim(ram, root);
    for (uint32_t slot = 0;;) {
        if (slot < at->entries.used) {
            struct ram_entry *entry = at->entries.slots[slot++];
            if (!entry)
                continue;
            if (is_checked && directory_find(ram, at, entry->name, entry->name_bytes)) {
                look_at(keep, entry);
                keep->evidence->number = at->number;
                return refuse(keep, "a directory has two equal names");
            }
            table_insert(ram, entry);
            if (entry->node->node.type == FS_TYPE_FILE) {
                contents_trim(&ram->heap, &entry->node->contents);
            } else {
                directory_trim(ram, entry->node);
                at = entry->node;
                slot = 0;
            }
        } else if (at == root) {
            return true;
        } else {
            slot = at->entry->slot + 1;
            at = at->entry->directory;
        }
    }
}

static bool everything_find(struct keep *keep) {
    struct ram_node *root = keep->ram->kept->root;
    if (!node_keep(keep, root, NULL))
        return false;
    if (root->node.type != FS_TYPE_DIRECTORY)
        return refuse(keep, "the root is no directory");
    return tree_find(keep, root) && leaving_find(keep);
}

const char *ram_reopen(struct ram *ram, struct ram_kept *kept, const struct ram_memory *memory,
                       const uint64_t seed[2], struct ram_evidence *evidence) {
    struct keep keep = {.ram = ram, .region = memory->region, .evidence = evidence};
    *evidence = (struct ram_evidence){0};
    *ram = (struct ram){.mount.operations = &ram_operations, .kept = kept, .seed = {seed[0], seed[1]}};
    if (kept->layout != RAM_LAYOUT)
        return "there was no file system yet";
    if (kept->attempts >= RAM_ATTEMPTS_MAX)
        return "too many attempts did not come to their end";
    kept->attempts++;
    persist_barrier();
    heap_salvage_begin(&keep.salvage, &ram->heap, memory->region, memory->bytes, memory->map);
    if (!everything_find(&keep))
        return keep.why;
    heap_salvage_end(&keep.salvage);
    heap_free_in(&ram->heap, keep.gone);
    if (directory_open(ram, keep.names) < 0)
        return "there is no room for the table of names";
    if (!tree_settle(&keep, kept->root))
        return keep.why;
    ram->mount.root = &kept->root->node;
    kept->leaving = NULL;
    persist_barrier();
    kept->attempts = 0;
    return NULL;
}
