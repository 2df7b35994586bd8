// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fs.c - names: open, close, describe, remove, rename; see fs.h. handle.c does the rest.
//
// Every path function follows the path to its last name, holds what it found, acts, and drops what it held.
#include "evidence.h"
#include "log.h"
#include "public.h"
#include "state.h"
#include "string.h"

#define FLAGS_ALL (FS_READ | FS_WRITE | FS_CREATE | FS_EXCLUSIVE | FS_TRUNCATE | FS_APPEND | FS_DIRECTORY)

struct fs_state fs_state;
PERSISTENT struct fs_kept fs_kept;

// Old handles are stale: each slot counts on, from where the generation before was if that is known, else from far away
// of it.
static void generations_renew(uint32_t generation, int persist_valid) {
    for (uint32_t i = 0; i < FS_OPEN_MAX; i++) {
        uint32_t last = persist_valid ? fs_kept.generations[i] : generation * 4099u;
        fs_kept.generations[i] = (uint16_t)(1 + last % GENERATION_MAX);
    }
}

static void say_empty(uint32_t generation, const char *why, const struct ram_evidence *found, int error) {
    char path[EVIDENCE_PATH_BYTES];
    bool is_saved = error == 0 && evidence_save(generation, why, found, path);
    log_line("fs: starting empty, for what was kept is not consistent: %s (near number %lu, byte %lu; evidence: %s)",
             why, found->number, (unsigned long)found->offset, is_saved ? path : "no room for it");
}

int fs_init(uint32_t generation, int persist_valid) {
    const struct ram_memory memory = {fs_kept.region, sizeof(fs_kept.region), fs_kept.map};
    const uint64_t seed[2] = {public_area.boot_random[0] ^ __builtin_ia32_rdtsc(),
                              public_area.boot_random[1] ^ generation};
    struct ram *ram = &fs_state.ram;
    memset(&fs_state, 0, sizeof(fs_state));
    generations_renew(generation, persist_valid);
    struct ram_evidence found;
    const char *why = persist_valid ? ram_reopen(ram, &fs_kept.ram, &memory, seed, &found) : NULL;
    if (why)
        evidence_take(&found);
    int result = why || !persist_valid ? ram_open(ram, &fs_kept.ram, &memory, seed) : 0;
    if (result == 0)
        result = vfs_mount(&fs_state.vfs, &ram->mount, NULL);
    if (why)
        say_empty(generation, why, &found, result);
    else if (persist_valid)
        log_line("fs: kept %lu files and directories, %lu bytes", ram->nodes,
                 heap_statistics_in(&ram->heap).used_bytes);
    return result;
}

void fs_end(void) { ram_close(&fs_state.ram); }

// The index of a free slot, or -EMFILE.
static int slot_find(void) {
    for (uint32_t i = 0; i < FS_OPEN_MAX; i++) {
        uint32_t slot = (fs_state.next + i) % FS_OPEN_MAX;
        if (!fs_state.files[slot].node)
            return (int)slot;
    }
    return -EMFILE;
}

static int flags_check(uint32_t flags) {
    bool is_nonsense = (flags & ~(uint32_t)FLAGS_ALL) || !(flags & (FS_READ | FS_WRITE | FS_DIRECTORY)) ||
                       ((flags & (FS_TRUNCATE | FS_APPEND)) && !(flags & FS_WRITE)) ||
                       ((flags & FS_EXCLUSIVE) && !(flags & FS_CREATE)) ||
                       ((flags & FS_CREATE) && (flags & FS_DIRECTORY));
    return is_nonsense ? -EINVAL : 0;
}

// The node to open, held: found, or made as flags say.
static int open_node(const char *path, size_t path_bytes, uint32_t flags, struct fs_node **out) {
    struct path_end end;
    int result = path_follow(&fs_state.vfs, path, path_bytes, &end);
    if (result < 0)
        return result;
    result = path_last(&fs_state.vfs, &end, out);
    if (result == -ENOENT && (flags & FS_CREATE)) {
        result = end.is_directory_wanted ? -EISDIR
                 : end.directory->mount->operations->create(end.directory, end.name, end.bytes, FS_TYPE_FILE, out);
    } else if (result == 0) {
        if (flags & FS_EXCLUSIVE)
            result = -EEXIST;
        else if ((*out)->type == FS_TYPE_DIRECTORY && (flags & (FS_WRITE | FS_CREATE)))
            result = -EISDIR;
        else if ((*out)->type == FS_TYPE_FILE && (flags & FS_DIRECTORY))
            result = -ENOTDIR;
        else if ((flags & FS_TRUNCATE))
            result = (*out)->mount->operations->truncate(*out, 0);
        if (result < 0)
            node_drop(*out);
    }
    node_drop(end.directory);
    return result;
}

int fs_open(const char *path, size_t path_bytes, uint32_t flags) {
    struct fs_node *node;
    int slot = flags_check(flags) < 0 ? -EINVAL : slot_find(); // before anything changes
    int result = slot < 0 ? slot : open_node(path, path_bytes, flags, &node);
    if (result < 0)
        return result;
    struct open_file *open = &fs_state.files[slot];
    open->node = node;
    open->position = 0;
    open->flags = flags | (flags & FS_DIRECTORY ? FS_READ : 0);
    fs_state.next = (uint32_t)slot + 1;
    fs_state.open_handles++;
    return fs_kept.generations[slot] << 16 | slot;
}

int fs_close(fs_file_t file) {
    struct open_file *open;
    int result = handle_find(file, &open);
    if (result < 0)
        return result;
    node_drop(open->node);
    open->node = NULL;
    fs_kept.generations[file & 0xffff] = (uint16_t)(1 + fs_kept.generations[file & 0xffff] % GENERATION_MAX);
    fs_state.open_handles--;
    return 0;
}

int fs_stat(const char *path, size_t path_bytes, struct fs_stat *out) {
    struct path_end end;
    struct fs_node *node;
    struct fs_stat stat = {0};
    int result = path_follow(&fs_state.vfs, path, path_bytes, &end);
    if (result < 0)
        return result;
    result = out ? path_last(&fs_state.vfs, &end, &node) : -EFAULT;
    node_drop(end.directory);
    if (result < 0)
        return result;
    node->mount->operations->stat(node, &stat);
    node_drop(node);
    memcpy(out, &stat, sizeof(stat));
    return 0;
}

int fs_mkdir(const char *path, size_t path_bytes) {
    struct path_end end;
    struct fs_node *node;
    int result = path_follow(&fs_state.vfs, path, path_bytes, &end);
    if (result < 0)
        return result;
    end.is_directory_wanted = false; // "/file/" names something, if only a file
    result = path_last(&fs_state.vfs, &end, &node);
    if (result == 0)
        result = -EEXIST;
    else if (result == -ENOENT)
        result = end.directory->mount->operations->create(end.directory, end.name, end.bytes, FS_TYPE_DIRECTORY, &node);
    if (result == 0 || result == -EEXIST)
        node_drop(node);
    node_drop(end.directory);
    return result;
}

// Takes the name of what path names, if it is of this type.
static int remove_name(const char *path, size_t path_bytes, uint32_t type) {
    struct path_end end;
    struct fs_node *node;
    int result = path_follow(&fs_state.vfs, path, path_bytes, &end);
    if (result < 0)
        return result;
    bool is_special = end.bytes == 0;
    result = path_last(&fs_state.vfs, &end, &node);
    node_drop(end.directory);
    if (result < 0)
        return result;
    if (node->type != type)
        result = type == FS_TYPE_FILE ? -EISDIR : -ENOTDIR;
    else if (is_special)
        result = -EINVAL;
    else if (vfs_is_mounted_on(&fs_state.vfs, node))
        result = -EBUSY;
    else
        result = node->mount->operations->remove(node);
    node_drop(node);
    return result;
}

int fs_unlink(const char *path, size_t path_bytes) { return remove_name(path, path_bytes, FS_TYPE_FILE); }

int fs_rmdir(const char *path, size_t path_bytes) { return remove_name(path, path_bytes, FS_TYPE_DIRECTORY); }

// May node become what end names? replaced has that name now, or is NULL.
static int rename_check(struct fs_node *node, const struct path_end *end, const struct fs_node *replaced) {
    bool is_directory = node->type == FS_TYPE_DIRECTORY;
    if (end->is_directory_wanted && !is_directory)
        return -ENOTDIR;
    if (vfs_is_mounted_on(&fs_state.vfs, node) || (replaced && vfs_is_mounted_on(&fs_state.vfs, replaced)))
        return -EBUSY;
    if (node->mount != end->directory->mount)
        return -EXDEV;
    if (is_directory && path_is_inside(end->directory, node))
        return -EINVAL;
    if (replaced && replaced->type != node->type)
        return is_directory ? -ENOTDIR : -EISDIR;
    return 0;
}

static int rename_to(struct fs_node *node, const struct path_end *end) {
    struct fs_node *replaced = NULL;
    int result = path_last(&fs_state.vfs, end, &replaced);
    if (result == -ENOENT)
        replaced = NULL;
    else if (result < 0)
        return result;
    result = 0;
    if (node != replaced) {
        result = rename_check(node, end, replaced);
        if (result == 0)
            result = node->mount->operations->rename(node, end->directory, end->name, end->bytes, replaced);
    }
    if (replaced)
        node_drop(replaced);
    return result;
}

int fs_rename(const char *from, size_t from_bytes, const char *to, size_t to_bytes) {
    struct path_end source, target;
    struct fs_node *node;
    int result = path_follow(&fs_state.vfs, from, from_bytes, &source);
    if (result < 0)
        return result;
    result = path_follow(&fs_state.vfs, to, to_bytes, &target);
    if (result == 0) {
        result = source.bytes && target.bytes ? path_last(&fs_state.vfs, &source, &node) : -EINVAL;
        if (result == 0) {
            result = rename_to(node, &target);
            node_drop(node);
        }
        node_drop(target.directory);
    }
    node_drop(source.directory);
    return result;
}

int fs_statistics(struct fs_statistics *out) {
    if (!out)
        return -EFAULT;
    struct heap_statistics heap = heap_statistics_in(&fs_state.ram.heap);
    struct fs_statistics statistics = {.used_bytes = heap.used_bytes, .limit_bytes = heap.total_bytes,
                                       .nodes = fs_state.ram.nodes, .open_handles = fs_state.open_handles};
    memcpy(out, &statistics, sizeof(statistics));
    return 0;
}
